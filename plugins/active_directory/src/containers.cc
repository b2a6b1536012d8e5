#include "plugins/active_directory/src/containers.h"

#include <utility>

#include "absl/strings/match.h"
#include "plugins/active_directory/src/refusal.h"

namespace sluice::active_directory {

using connector::Error;
using connector::Reason;

Containers::Answers Containers::Ensure(const std::vector<Dn>& wanted, absl::Time deadline) {
  absl::MutexLock lock(&mutex_);
  Round round = UnknownOf(wanted);
  const absl::Status found = FindMissing(round, deadline);
  for (const auto& [depth, level] : round.unknown) {
    if (found.ok()) {
      MakeLevel(level, round, deadline);
    } else {
      for (const auto& [key, dn] : level) round.failed[key] = found;
    }
  }
  Answers answers;
  for (const Dn& dn : wanted) {
    if (!answers.contains(dn.Key())) answers.emplace(dn.Key(), AnswerFor(dn, round));
  }
  return answers;
}

Containers::Round Containers::UnknownOf(const std::vector<Dn>& wanted) const {
  Round round;
  for (const Dn& dn : wanted) {
    for (Dn at = dn; at.IsWithin(base_) && at.parts().size() > base_.parts().size(); at = at.Parent()) {
      if (known_.contains(at.Key())) break;
      round.unknown[at.parts().size()].emplace(at.Key(), at);
    }
  }
  return round;
}

absl::Status Containers::FindMissing(Round& round, absl::Time deadline) {
  std::vector<Request> requests;
  std::vector<std::pair<size_t, std::string>> asked;
  for (const auto& [depth, level] : round.unknown) {
    for (const auto& [key, dn] : level) {
      requests.push_back(Request::Search(dn.ToString(), LDAP_SCOPE_BASE, "(objectClass=*)", {}));
      asked.emplace_back(depth, key);
    }
  }
  const std::vector<Response> responses = client_.Run(std::move(requests), TimeUntil(deadline));
  for (size_t i = 0; i < asked.size(); ++i) {
    const auto& [depth, key] = asked[i];
    if (responses[i].ok()) {
      known_.insert(key);
      round.unknown[depth].erase(key);
    } else if (TroubleOf(responses[i]) != Trouble::kGone) {
      return ErrorOf(responses[i], "to show a container").AsStatus();
    }
  }
  return absl::OkStatus();
}

void Containers::MakeLevel(const Level& level, Round& round, absl::Time deadline) {
  std::vector<Request> requests;
  std::vector<const Dn*> to_make;
  for (const auto& [key, dn] : level) {
    const auto parent = round.failed.find(dn.Parent().Key());
    if (parent != round.failed.end()) {
      round.failed[key] = absl::Status(parent->second);
    } else if (!absl::EqualsIgnoreCase(dn.parts()[0].type, "OU")) {
      round.failed[key] = Error(Reason::kInvalid, "AD-024",
                                "the container is not there, and only organizational units (OU=...) are made")
                              .AsStatus();
    } else {
      requests.push_back(
          Request::Add(dn.ToString(), {{Modification::Kind::kAdd, "objectClass", {"organizationalUnit"}}}));
      to_make.push_back(&dn);
    }
  }
  const std::vector<Response> responses = client_.Run(std::move(requests), TimeUntil(deadline));
  for (size_t i = 0; i < to_make.size(); ++i) {
    const std::string key = to_make[i]->Key();
    if (responses[i].ok()) round.made.emplace(key, *to_make[i]);
    if (responses[i].ok() || TroubleOf(responses[i]) == Trouble::kTaken) {
      known_.insert(key);
    } else {
      round.failed[key] = ErrorOf(responses[i], "to make the organizational unit").AsStatus();
    }
  }
}

absl::StatusOr<std::vector<Dn>> Containers::AnswerFor(const Dn& dn, Round& round) const {
  if (!dn.IsWithin(base_)) return Error(Reason::kInvalid, "AD-024", "the container lies outside the base").AsStatus();
  if (const auto found = round.failed.find(dn.Key()); found != round.failed.end()) return found->second;
  std::vector<Dn> made;
  for (size_t depth = base_.parts().size() + 1; depth <= dn.parts().size(); ++depth) {
    const Dn at(std::vector<Rdn>(dn.parts().end() - depth, dn.parts().end()));
    if (const auto found = round.made.find(at.Key()); found != round.made.end()) {
      made.push_back(found->second);
      round.made.erase(found);
    }
  }
  return made;
}

void Containers::Forget() {
  absl::MutexLock lock(&mutex_);
  known_.clear();
}

}  // namespace sluice::active_directory
