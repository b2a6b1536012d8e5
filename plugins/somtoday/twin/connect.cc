#include "plugins/somtoday/twin/connect.h"

#include <algorithm>
#include <charconv>
#include <cstdio>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "plugins/somtoday/twin/json_out.h"

namespace sluice::somtoday_twin {
namespace {

constexpr int kMostInPage = 200;

Answer Refuse(int status, const std::string& message) {
  JsonOut out;
  out.BeginObject();
  out.Number("code", status);
  out.Field("reason", status == 400   ? "Bad Request"
                      : status == 401 ? "Unauthorized"
                      : status == 403 ? "Forbidden"
                                      : "Not Found");
  out.Field("exception", status == 403 ? "javax.ws.rs.ForbiddenException" : "javax.ws.rs.WebApplicationException");
  out.Field("message", message);
  out.EndObject();
  Answer answer;
  answer.status = status;
  answer.body = out.Take();
  return answer;
}

std::optional<int> NumberOf(const std::string& text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// Public entries beside the board itself: two of one name, one that needs escaping.
constexpr std::pair<const char*, const char*> kOtherInstellingen[] = {{"Stichting Het Zand & Café", "41AB"},
                                                                      {"Stichting Openbaar Onderwijs Noord", "42CD"},
                                                                      {"Stichting Openbaar Onderwijs Noord", "43EF"}};

void WriteInstelling(JsonOut& out, const std::string& uuid, const std::string& naam, std::vector<std::string> brins) {
  out.BeginObject();
  out.Field("uuid", uuid);
  out.Field("naam", naam);
  out.Field("afkorting", absl::AsciiStrToLower(brins[0]));
  out.Key("brins");
  out.BeginArray();
  for (const std::string& brin : brins) out.Text(brin);
  out.EndArray();
  out.EndObject();
}

// What a broken server makes of a list. `uses` makes each answer differ from the one before.
void Distort(std::vector<uint32_t>& list, const Fault& fault, size_t offset, size_t amount) {
  if (fault.kind == "empty_list") {
    list.clear();
  } else if (fault.kind == "half_list") {
    list.resize((list.size() + 1) / 2);
  } else if (fault.kind == "reorder") {
    std::sort(list.begin(), list.end(), [&](uint32_t a, uint32_t b) {
      return Mix(static_cast<uint64_t>(fault.used), a) < Mix(static_cast<uint64_t>(fault.used), b);
    });
  } else if (fault.kind == "holes") {
    std::erase_if(list, [&](uint32_t item) { return Mix(static_cast<uint64_t>(fault.id), item) % 5 == 0; });
  } else if (fault.kind == "shift" && offset > 0 && !list.empty()) {
    list.erase(list.begin());
  } else if (fault.kind == "duplicate") {
    std::vector<uint32_t> doubled;
    for (const uint32_t item : list) {
      doubled.push_back(item);
      if (doubled.size() % amount == 0) doubled.push_back(item);
    }
    list = std::move(doubled);
  } else if (fault.kind == "no_last_page" && !list.empty()) {
    const size_t own = list.size();
    while (list.size() < offset + amount) list.push_back(list[list.size() % own]);
  }
}

}  // namespace

Connect::Connect(const TwinOptions& options)
    : options_(options),
      clock_(options.clock_file),
      school_(GenerateSchool(options.size, clock_.Today())),
      rights_(school_) {}

std::vector<std::string> Connect::FaultKinds() const {
  return {"empty_list", "half_list", "short_page", "no_last_page", "reorder",
          "duplicate",  "shift",     "holes",      "last_year"};
}

Answer Connect::Handle(const Request& request, const Fault* fault) {
  if (request.path == "/inloggen/oauth2/token") return Token(request);
  const std::vector<std::string> path = absl::StrSplit(request.path, '/', absl::SkipEmpty());
  if (path.size() < 4 || path[0] != "rest" || path[1] != "v1" || path[2] != "connect")
    return Refuse(404, "No such resource");
  if (request.method != "GET") return Refuse(404, "No such resource");
  if (path[3] == "instelling" && path.size() == 4) return Instelling(request);
  if (!KnowsToken(request.bearer)) return Refuse(401, "No valid token");
  if (path[3] == "vestiging" && path.size() == 4) return VestigingList(request);
  if (path[3] == "vestiging" && (path.size() == 6 || path.size() == 7)) return Data(request, path, fault);
  return Refuse(404, "No such resource");
}

Answer Connect::Token(const Request& request) {
  std::string organisation;
  {
    absl::ReaderMutexLock lock(&school_mutex_);
    organisation = school_.instelling_uuid;
  }
  Answer answer;
  if (request.method != "POST" || request.Form("grant_type") != "client_credentials" ||
      request.Form("client_id") != options_.client_id || request.Form("client_secret") != options_.client_secret ||
      request.Query("organisation") != organisation) {
    answer.status = 401;
    answer.body = R"({"error":"invalid_client","error_description":"Client authentication failed"})";
    return answer;
  }
  absl::MutexLock lock(&mutex_);
  const uint64_t number = ++tokens_given_;
  char token[64];
  std::snprintf(token, sizeof(token), "som-%016llx-%llu",
                static_cast<unsigned long long>(Mix(options_.size.seed, number)),
                static_cast<unsigned long long>(number));
  tokens_[token] = absl::Now() + absl::Seconds(3600);
  JsonOut out;
  out.BeginObject();
  out.Field("access_token", std::string(token));
  out.Field("token_type", "Bearer");
  out.Number("expires_in", 3600);
  out.EndObject();
  answer.body = out.Take();
  return answer;
}

bool Connect::KnowsToken(const std::string& bearer) {
  absl::MutexLock lock(&mutex_);
  const auto found = tokens_.find(bearer);
  return found != tokens_.end() && found->second > absl::Now();
}

Answer Connect::Instelling(const Request& request) {
  const std::string naam = absl::AsciiStrToLower(request.Query("naam"));
  const std::string brin = absl::AsciiStrToUpper(request.Query("brin"));
  JsonOut out;
  out.BeginObject();
  out.Key("instellingen");
  out.BeginArray();
  const auto add = [&](const std::string& uuid, const std::string& own, const std::vector<std::string>& brins) {
    if (!naam.empty() && absl::AsciiStrToLower(own) != naam) return;
    if (!brin.empty() && std::find(brins.begin(), brins.end(), brin) == brins.end()) return;
    WriteInstelling(out, uuid, own, brins);
  };
  absl::ReaderMutexLock lock(&school_mutex_);
  add(school_.instelling_uuid, "Stichting De Waterlanden", {"31XY", "32XY"});
  uint64_t index = 1;
  for (const auto& [other, other_brin] : kOtherInstellingen)
    add(MakeUuid(school_.seed, "5a", index++), other, {other_brin});
  out.EndArray();
  out.EndObject();
  Answer answer;
  answer.body = out.Take();
  return answer;
}

Answer Connect::VestigingList(const Request& request) {
  const std::string wanted = request.Query("uuid");
  absl::ReaderMutexLock lock(&school_mutex_);
  JsonOut out;
  out.BeginObject();
  out.Key("vestigingen");
  out.BeginArray();
  for (int i = 0; i < static_cast<int>(school_.vestigingen.size()); ++i) {
    const Vestiging& vestiging = school_.vestigingen[static_cast<size_t>(i)];
    if (!rights_.Listed(i) || (!wanted.empty() && vestiging.uuid != wanted)) continue;
    out.Raw(RenderVestiging(school_, rights_, i));
  }
  out.EndArray();
  if (request.Query("veldpermissies") == "true") {
    out.Key("veldpermissies");
    out.Raw(RenderPermissions(rights_, 0, "vestiging"));
  }
  out.EndObject();
  Answer answer;
  answer.body = out.Take();
  return answer;
}

int Connect::VestigingOf(const std::string& key) const {
  for (size_t i = 0; i < school_.vestigingen.size(); ++i) {
    const Vestiging& vestiging = school_.vestigingen[i];
    if (vestiging.uuid == key || vestiging.brins[0] == key) return static_cast<int>(i);
  }
  return -1;
}

Answer Connect::Data(const Request& request, const std::vector<std::string>& path, const Fault* fault) {
  const std::string& entity = path[5];
  if (EnvelopeOf(entity).empty()) return Refuse(404, "No such resource");
  const std::string peil_text = request.Query("peilschooljaar");
  Peil peil = Peil::kNow;
  if (peil_text == "HUIDIG") {
    peil = Peil::kCurrent;
  } else if (peil_text == "VOLGEND") {
    peil = Peil::kNext;
  } else if (!peil_text.empty()) {
    return Refuse(400, "peilschooljaar is HUIDIG or VOLGEND");
  }
  absl::ReaderMutexLock lock(&school_mutex_);
  const int vestiging = VestigingOf(path[4]);
  if (vestiging < 0) return Refuse(404, "Unknown vestiging");
  View view = MakeView(peil, clock_.Today());
  if (!rights_.Grants(vestiging, std::max(view.today, view.members_from)))
    return Refuse(401, "No access to this vestiging for this period");
  if (fault && fault->kind == "last_year") view = MakeView(peil, FirstDayOf(SchoolYearOf(clock_.Today())) - 1);
  const int status = rights_.EndpointStatus(vestiging, entity);
  if (status != 200) return Refuse(status, "No right for " + entity + " of this vestiging");
  if (path.size() == 6) return Page(request, entity, vestiging, view, fault);
  const List list = CachedList(entity, vestiging, view);
  for (const uint32_t index : *list) {
    if (UuidOf(school_, entity, index) == path[6]) return Render(request, entity, vestiging, view, {index});
  }
  return Refuse(404, "Unknown " + entity);
}

Connect::List Connect::CachedList(const std::string& entity, int vestiging, const View& view) {
  const std::string key =
      entity + "/" + std::to_string(vestiging) + "/" + std::to_string(view.from) + "/" + std::to_string(view.until);
  {
    absl::MutexLock lock(&mutex_);
    if (lists_version_ != school_.version) {
      lists_.clear();
      lists_version_ = school_.version;
    }
    const auto found = lists_.find(key);
    if (found != lists_.end()) return found->second;
  }
  auto list = std::make_shared<const std::vector<uint32_t>>(ListOf(school_, entity, vestiging, view));
  absl::MutexLock lock(&mutex_);
  lists_[key] = list;
  return list;
}

Answer Connect::Page(const Request& request, const std::string& entity, int vestiging, const View& view,
                     const Fault* fault) {
  const std::string offset_text = request.Query("offset");
  const auto offset = offset_text.empty() ? std::optional<int>(0) : NumberOf(offset_text);
  const auto amount = NumberOf(request.Query("amount"));
  if (!amount || *amount < 1 || *amount > kMostInPage) return Refuse(400, "amount is a number from 1 to 200");
  if (!offset || *offset < 0) return Refuse(400, "offset is a number from 0");
  std::vector<uint32_t> changed;
  const List list = CachedList(entity, vestiging, view);
  const std::vector<uint32_t>* source = list.get();
  const auto first = static_cast<size_t>(*offset);
  const auto most = static_cast<size_t>(*amount);
  if (request.query.contains("uuid")) {
    const auto [begin, end] = request.query.equal_range("uuid");
    for (const uint32_t index : *list) {
      const std::string& uuid = UuidOf(school_, entity, index);
      if (std::any_of(begin, end, [&](const auto& pair) { return pair.second == uuid; })) changed.push_back(index);
    }
    source = &changed;
  }
  if (fault) {
    if (source != &changed) changed = *list;
    if (fault->kind == "no_last_page" && fault->status != 200 && first >= list->size() + 3 * most)
      return Refuse(fault->status, "The server has lost its way");
    Distort(changed, *fault, first, most);
    source = &changed;
  }
  std::vector<uint32_t> page;
  for (size_t i = first; i < source->size() && page.size() < most; ++i) page.push_back((*source)[i]);
  if (fault && fault->kind == "short_page") page.resize(page.size() / 2);
  return Render(request, entity, vestiging, view, page);
}

Answer Connect::Render(const Request& request, const std::string& entity, int vestiging, const View& view,
                       const std::vector<uint32_t>& indices) {
  const Eyes eyes = EyesOf(rights_, vestiging, entity);
  Answer answer;
  answer.body.reserve(indices.size() * 1500 + 1000);
  answer.body.append("{\"").append(EnvelopeOf(entity)).append("\":[");
  bool first = true;
  for (const uint32_t index : indices) {
    if (!first) answer.body += ',';
    first = false;
    answer.body += RenderRecord(school_, entity, vestiging, index, view, eyes);
  }
  answer.body += ']';
  if (request.Query("veldpermissies") == "true")
    answer.body += ",\"veldpermissies\":" + RenderPermissions(rights_, vestiging, entity);
  answer.body += '}';
  answer.items = static_cast<int>(indices.size());
  return answer;
}

}  // namespace sluice::somtoday_twin
