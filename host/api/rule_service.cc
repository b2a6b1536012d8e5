#include <set>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "host/api/call_internal.h"
#include "host/api/translate_internal.h"
#include "host/base/status.h"

namespace sluice::api {
namespace {

// The rule as it stands in its file: from its line to the next item of the list.
std::string TextOf(const core::Configuration& configuration, const core::Rule& rule) {
  auto file = configuration.files.find(rule.position.file);
  if (file == configuration.files.end()) return "";
  const std::vector<std::string> lines = absl::StrSplit(file->second, '\n');
  std::vector<std::string> text;
  for (size_t i = static_cast<size_t>(std::max(rule.position.line, 1)) - 1; i < lines.size(); ++i) {
    if (!text.empty() && absl::StrContains(lines[i], "- rule:")) break;
    text.push_back(lines[i]);
  }
  while (!text.empty() && text.back().find_first_not_of(" \r") == std::string::npos) text.pop_back();
  return absl::StrJoin(text, "\n");
}

class RuleService final : public v1::Rules::CallbackService {
 public:
  explicit RuleService(const Backend& backend) : backend_(backend) {}

  grpc::ServerUnaryReactor* ListRules(grpc::CallbackServerContext* context, const v1::ListRulesRequest* request,
                                      v1::ListRulesResponse* reply) override {
    return Answer(backend_, context, [this, request, reply]() -> absl::Status {
      const auto configuration = backend_.engine->context().configuration();
      ASSIGN_OR_RETURN(const Page page,
                       PageOf(configuration->rules.size(), request->page_size(), request->page_token()));
      ASSIGN_OR_RETURN(const std::vector<int> people, PeopleByRule());
      for (size_t i = page.from; i < page.to; ++i) FillRule(*configuration, i, people, reply->add_rules());
      reply->set_next_page_token(page.next_token);
      return absl::OkStatus();
    });
  }

  grpc::ServerUnaryReactor* GetRule(grpc::CallbackServerContext* context, const v1::GetRuleRequest* request,
                                    v1::Rule* reply) override {
    return Answer(backend_, context, [this, request, reply]() -> absl::Status {
      const auto configuration = backend_.engine->context().configuration();
      ASSIGN_OR_RETURN(const std::vector<int> people, PeopleByRule());
      for (size_t i = 0; i < configuration->rules.size(); ++i) {
        const core::Rule& rule = configuration->rules[i];
        const std::string place = absl::StrCat(rule.position.file, ":", rule.position.line);
        if (rule.name != request->name() && place != request->name()) continue;
        FillRule(*configuration, i, people, reply);
        reply->set_text(TextOf(*configuration, rule));
        return absl::OkStatus();
      }
      return absl::NotFoundError(absl::StrCat("there is no rule \"", request->name(), "\"; see: sluice rule list"));
    });
  }

 private:
  absl::StatusOr<std::vector<int>> PeopleByRule() {
    ASSIGN_OR_RETURN(const engine::World world, backend_.engine->CurrentWorld());
    std::vector<int> people(world.configuration->rules.size());
    for (const auto& person : world.snapshot->persons) {
      std::set<int> rules;
      for (const core::EntitlementIntervals& entitlement : core::EvaluatePerson(*person, *world.configuration)) {
        for (const core::SupportedInterval& interval : entitlement.intervals) {
          if (interval.verdict != core::Verdict::kTrue || world.as_of < interval.from || world.as_of > interval.until)
            continue;
          for (const core::Support& support : interval.supports) rules.insert(support.rule);
        }
      }
      for (int rule : rules) ++people[static_cast<size_t>(rule)];
    }
    return people;
  }

  static void FillRule(const core::Configuration& configuration, size_t index, const std::vector<int>& people,
                       v1::Rule* out) {
    const core::Rule& rule = configuration.rules[index];
    out->set_name(rule.name);
    out->set_position(absl::StrCat(rule.position.file, ":", rule.position.line));
    for (const core::EntitlementRef& grant : rule.grants) out->add_grants(grant.ToString());
    out->set_before_start_days(static_cast<int32_t>(rule.before_start_days));
    out->set_after_end_days(static_cast<int32_t>(rule.after_end_days));
    out->set_people(people[index]);
  }

  const Backend backend_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeRuleService(const Backend& backend) {
  return std::make_unique<RuleService>(backend);
}

}  // namespace sluice::api
