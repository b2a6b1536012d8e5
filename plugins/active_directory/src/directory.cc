#include "plugins/active_directory/src/directory.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "plugins/active_directory/src/refusal.h"

namespace sluice::active_directory {
namespace {

using connector::Error;
using connector::Reason;

constexpr size_t kFiltersInOneSearch = 50;
constexpr int kListAttempts = 3;

// A paged search that has to begin anew: its connection is gone, or the server has forgotten its cookie. A controller
// keeps ten result sets for a connection (MaxResultSetsPerConn); one that other searches pushed out is answered with
// "unwilling to perform".
bool MustBeginAnew(const Request& request, const Response& response) {
  if (response.fate != Fate::kAnswered) return absl::IsAborted(response.status);
  return !request.cookie.empty() && response.code == LDAP_UNWILLING_TO_PERFORM;
}

// What to ask for of many objects.
std::vector<std::string> OfMany(std::vector<std::string> attributes) {
  std::erase_if(attributes, [](const std::string& name) { return IsOfOneObjectOnly(name); });
  attributes.emplace_back("objectGUID");
  return attributes;
}

// More than a directory gives at once (MaxPageSize, or what a server is set to).
bool IsOnlyAPart(const Response& response) {
  return response.fate == Fate::kAnswered &&
         (response.code == LDAP_SIZELIMIT_EXCEEDED || response.code == LDAP_ADMINLIMIT_EXCEEDED);
}

absl::StatusOr<std::vector<Dn>> SearchBases(const connector::Settings& settings, const std::string& name,
                                            const Dn& base) {
  std::vector<Dn> bases;
  for (const std::string& text : settings.Texts(name)) {
    auto dn = Dn::Parse(text);
    if (!dn.ok())
      return absl::InvalidArgumentError(
          absl::StrCat(name, ": \"", text, "\" is no distinguished name: ", dn.status().message()));
    // Whole, or relative to the base, as parents are written.
    bases.push_back(dn->IsWithin(base) ? *dn : dn->Below(base));
  }
  if (bases.empty()) bases.push_back(base);
  return bases;
}

bool HasObjectClass(const Entry& entry, absl::string_view name) {
  for (const std::string& value : entry.All("objectclass")) {
    if (absl::EqualsIgnoreCase(value, name)) return true;
  }
  return false;
}

// "member;range=0-1499" of an entry: the values, where they end, and whether that is the end of the list.
struct Range {
  const std::vector<std::string>* values = nullptr;
  uint64_t last = 0;
  bool complete = false;
};

std::optional<Range> RangeOf(const Entry& entry, absl::string_view lower_name) {
  const std::string prefix = absl::StrCat(lower_name, ";range=");
  for (const auto& [name, values] : entry.attributes) {
    if (!absl::StartsWith(name, prefix)) continue;
    const absl::string_view range = absl::string_view(name).substr(prefix.size());
    const size_t dash = range.find('-');
    if (dash == absl::string_view::npos) continue;
    Range found;
    found.values = &values;
    const absl::string_view end = range.substr(dash + 1);
    found.complete = end == "*";
    if (!found.complete && !absl::SimpleAtoi(end, &found.last)) continue;
    return found;
  }
  return std::nullopt;
}

}  // namespace

absl::StatusOr<Layout> Layout::Of(const connector::System& system) {
  const connector::Settings& settings = system.settings;
  Layout layout;
  for (const std::string& url : settings.Texts("servers")) {
    auto endpoint = ParseEndpoint(url);
    if (!endpoint.ok()) return absl::InvalidArgumentError(absl::StrCat("servers: ", endpoint.status().message()));
    layout.client.servers.push_back(*std::move(endpoint));
  }
  if (layout.client.servers.empty())
    return absl::InvalidArgumentError("servers: name at least one, as ldaps://dc1.school.example");
  auto base = Dn::Parse(settings.Text("base"));
  if (!base.ok() || base->empty())
    return absl::InvalidArgumentError("base: write the domain's distinguished name, as DC=school,DC=example");
  layout.base = *std::move(base);
  auto people = SearchBases(settings, "people_base", layout.base);
  if (!people.ok()) return people.status();
  layout.people_bases = *std::move(people);
  auto groups = SearchBases(settings, "groups_base", layout.base);
  if (!groups.ok()) return groups.status();
  layout.group_bases = *std::move(groups);
  if (settings.Has("page_size")) layout.page_size = static_cast<int>(settings.Integer("page_size"));
  if (settings.Has("range_step")) layout.range_step = static_cast<int>(settings.Integer("range_step"));
  if (settings.Has("window")) layout.client.window = static_cast<int>(settings.Integer("window"));
  if (system.pace.requests_in_parallel > 0) {
    layout.client.window = std::min<int>(layout.client.window, static_cast<int>(system.pace.requests_in_parallel));
  }
  layout.client.trust = Trust{system.ca_bundle, settings.Text("ca_file")};
  if (settings.Has("ca_file")) layout.client.trust.ca_pem.clear();
  layout.client.credentials = Credentials{settings.Secret("bind_dn").Reveal(), settings.Secret("bind_password")};
  if (layout.client.credentials.bind_dn.empty())
    return absl::InvalidArgumentError("bind_dn: the service account's name is missing");
  if (layout.client.credentials.password.empty()) {
    return absl::InvalidArgumentError("bind_password: it is empty; a directory would take the connector as anonymous");
  }
  return layout;
}

bool IsOfClass(const Entry& entry, absl::string_view object_class) {
  if (object_class == kAccount) return HasObjectClass(entry, "user") && !HasObjectClass(entry, "computer");
  if (object_class == kGroup) return HasObjectClass(entry, "group");
  if (object_class == kContainer) return HasObjectClass(entry, "organizationalUnit");
  return true;
}

std::string FilterOf(absl::string_view object_class) {
  if (object_class == kAccount) return "(&(objectCategory=person)(objectClass=user))";
  if (object_class == kGroup) return "(objectCategory=group)";
  if (object_class == kContainer) return "(objectClass=organizationalUnit)";
  return "(sAMAccountName=*)";
}

absl::StatusOr<std::shared_ptr<const DirectorySchema>> Directory::Schema(absl::Time deadline) {
  {
    absl::MutexLock lock(&mutex_);
    if (schema_ != nullptr) return schema_;
  }
  const Response root = client_.RunOne(Request::Search("", LDAP_SCOPE_BASE, "(objectClass=*)", {"schemaNamingContext"}),
                                       TimeUntil(deadline));
  if (!root.ok()) return ErrorOf(root, "to say where its schema is").AsStatus();
  const std::string where = root.entries.empty() ? "" : root.entries[0].First("schemanamingcontext");
  auto base = Dn::Parse(where);
  if (!base.ok() || base->empty())
    return Error(Reason::kInvalid, "AD-036", "the server is no Active Directory: it names no schema").AsStatus();
  std::vector<Entry> attributes, classes;
  const auto keep = [](std::vector<Entry>& into) {
    return [&into](const Entry& entry) {
      into.push_back(entry);
      return absl::OkStatus();
    };
  };
  auto status = ListAtOnce(*base, "(objectClass=attributeSchema)", DirectorySchema::AttributesToRead(),
                           keep(attributes), deadline);
  if (!status.ok()) return status;
  status =
      ListAtOnce(*base, "(objectClass=classSchema)", DirectorySchema::ClassAttributesToRead(), keep(classes), deadline);
  if (!status.ok()) return status;
  if (attributes.empty()) {
    return Error(Reason::kForbidden, "AD-040", "the service account may not read the directory's schema").AsStatus();
  }
  auto schema = std::make_shared<const DirectorySchema>(DirectorySchema::Of(attributes, classes));
  absl::MutexLock lock(&mutex_);
  schema_ = schema;
  return schema;
}

absl::StatusOr<PasswordRules> Directory::ReadPasswordRules() {
  const Response domain = client_.RunOne(
      Request::Search(layout_.base.ToString(), LDAP_SCOPE_BASE, "(objectClass=*)", {"minPwdLength", "pwdProperties"}));
  if (!domain.ok()) return ErrorOf(domain, "to show its password policy").AsStatus();
  PasswordRules rules;
  if (domain.entries.empty()) return rules;
  int64_t properties = 0;
  if (!absl::SimpleAtoi(domain.entries[0].First("minpwdlength"), &rules.min_length)) rules.min_length = 0;
  if (!absl::SimpleAtoi(domain.entries[0].First("pwdproperties"), &properties)) properties = 0;
  rules.complex = (properties & 1) != 0;
  AddFineGrainedRules(rules);
  return rules;
}

// Password settings objects hold for groups, the one of all users among them: what the strictest asks is good enough
// for everybody. Usually only administrators may read them; a password that is refused is made longer by the host.
void Directory::AddFineGrainedRules(PasswordRules& rules) {
  const Response settings = client_.RunOne(Request::Search(
      absl::StrCat("CN=Password Settings Container,CN=System,", layout_.base.ToString()), LDAP_SCOPE_ONELEVEL,
      "(msDS-PSOAppliesTo=*)", {"msDS-MinimumPasswordLength", "msDS-PasswordComplexityEnabled"}));
  if (!settings.ok()) return;
  for (const Entry& entry : settings.entries) {
    uint32_t length = 0;
    if (absl::SimpleAtoi(entry.First("msds-minimumpasswordlength"), &length)) {
      rules.min_length = std::max(rules.min_length, length);
    }
    rules.complex |= absl::EqualsIgnoreCase(entry.First("msds-passwordcomplexityenabled"), "TRUE");
  }
}

absl::Status Directory::List(const Dn& base, const std::string& filter, const std::vector<std::string>& attributes,
                             bool extended_names, const connector::Cancellation& cancellation, const Each& each,
                             absl::Time deadline) {
  std::set<std::string> seen;
  for (int attempt = 1;; ++attempt) {
    Request request = Request::Search(base.ToString(), LDAP_SCOPE_SUBTREE, filter, OfMany(attributes));
    request.page_size = layout_.page_size;
    request.extended_names = extended_names;
    while (true) {
      if (cancellation.IsCancelled()) return Error(Reason::kCancelled, "AD-053", "the list was given up").AsStatus();
      Response page = client_.RunOne(request, TimeUntil(deadline, absl::Minutes(2)));
      if (!page.ok()) {
        if (MustBeginAnew(request, page) && attempt < kListAttempts) break;  // Leaving out what was seen.
        return ErrorOf(page, "to list objects").AsStatus();
      }
      for (const Entry& entry : page.entries) {
        if (!seen.insert(entry.First("objectguid")).second) continue;
        if (auto status = each(entry); !status.ok()) return status;
      }
      if (page.cookie.empty()) return absl::OkStatus();
      request.cookie = page.cookie;
      request.only_on_connection = page.connection;
    }
  }
}

absl::Status Directory::ListAtOnce(const Dn& base, const std::string& filter,
                                   const std::vector<std::string>& attributes, const Each& each, absl::Time deadline) {
  Request request = Request::Search(base.ToString(), LDAP_SCOPE_SUBTREE, filter, OfMany(attributes));
  const Response whole = client_.RunOne(std::move(request), TimeUntil(deadline, absl::Minutes(2)));
  if (IsOnlyAPart(whole)) return List(base, filter, attributes, /*extended_names=*/false, {}, each, deadline);
  if (!whole.ok()) return ErrorOf(whole, "to list objects").AsStatus();
  for (const Entry& entry : whole.entries) {
    if (auto status = each(entry); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Entry>> Directory::FindAny(const std::vector<std::string>& filters,
                                                      const std::vector<std::string>& attributes, absl::Time deadline) {
  std::vector<Request> requests;
  for (size_t at = 0; at < filters.size(); at += kFiltersInOneSearch) {
    const size_t end = std::min(filters.size(), at + kFiltersInOneSearch);
    Request request = Request::Search(layout_.base.ToString(), LDAP_SCOPE_SUBTREE,
                                      AnyOf({filters.begin() + at, filters.begin() + end}), OfMany(attributes));
    request.attributes.emplace_back("objectClass");
    requests.push_back(std::move(request));
  }
  std::vector<Entry> found;
  std::set<std::string> seen;
  int attempts = 0;
  while (!requests.empty()) {
    std::vector<Response> responses = client_.Run(requests, TimeUntil(deadline));
    std::vector<Request> more;
    for (size_t i = 0; i < responses.size(); ++i) {
      Response& response = responses[i];
      Request& request = requests[i];
      if (!response.ok()) {
        const bool needs_pages = request.page_size == 0 && IsOnlyAPart(response);
        if (!needs_pages && (!MustBeginAnew(request, response) || ++attempts > kListAttempts)) {
          return ErrorOf(response, "to look objects up").AsStatus();
        }
        if (needs_pages) request.page_size = layout_.page_size;
        request.cookie.clear();
        request.only_on_connection = 0;
        more.push_back(std::move(request));
        continue;
      }
      for (Entry& entry : response.entries) {
        if (seen.insert(entry.First("objectguid")).second) found.push_back(std::move(entry));
      }
      if (response.cookie.empty()) continue;
      request.cookie = response.cookie;
      request.only_on_connection = response.connection;
      more.push_back(std::move(request));
    }
    requests = std::move(more);
  }
  return found;
}

absl::StatusOr<std::map<std::string, Entry>> Directory::FindByIds(const std::set<std::string>& ids,
                                                                  const std::vector<std::string>& attributes,
                                                                  absl::Time deadline) {
  std::vector<std::string> filters;
  for (const std::string& id : ids) filters.push_back(Equals("objectGUID", id));
  auto entries = FindAny(filters, attributes, deadline);
  if (!entries.ok()) return entries.status();
  std::map<std::string, Entry> by_id;
  for (Entry& entry : *entries) {
    const std::string id = entry.Guid();
    if (!id.empty()) by_id.emplace(id, std::move(entry));
  }
  return by_id;
}

std::string Directory::FirstRange(absl::string_view name) const {
  if (layout_.range_step <= 0) return std::string(name);
  return absl::StrCat(name, ";range=0-", layout_.range_step - 1);
}

// A directory that has more values than it gives at once answers an empty attribute beside a ranged one: reading the
// plain one alone would see an empty group.
absl::StatusOr<std::vector<std::string>> Directory::AllValues(const Entry& entry, absl::string_view lower_name,
                                                              bool extended_names) {
  auto range = RangeOf(entry, lower_name);
  if (!range.has_value()) return entry.All(lower_name);
  std::vector<std::string> all = *range->values;
  const std::string id = entry.Guid();
  while (!range->complete) {
    const uint64_t first = range->last + 1;
    const std::string end = layout_.range_step > 0 ? absl::StrCat(first + layout_.range_step - 1) : "*";
    Request request = Request::Search(GuidDn(id), LDAP_SCOPE_BASE, "(objectClass=*)",
                                      {absl::StrCat(lower_name, ";range=", first, "-", end)});
    request.extended_names = extended_names;
    const Response response = client_.RunOne(std::move(request));
    if (!response.ok()) return ErrorOf(response, "to show the rest of a long list").AsStatus();
    if (response.entries.empty()) break;
    const Entry& next = response.entries[0];
    range = RangeOf(next, lower_name);
    if (!range.has_value()) break;  // The list became shorter meanwhile: it ends here.
    all.insert(all.end(), range->values->begin(), range->values->end());
    if (!range->complete && range->last < first) {
      return Error(Reason::kTransient, "AD-054", "the directory gives a long list without end").AsStatus();
    }
  }
  return all;
}

}  // namespace sluice::active_directory
