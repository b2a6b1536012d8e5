#include "plugins/somtoday/src/session.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "re2/re2.h"
#include "sluice/connector/error.h"
#include "sluice/connector/log.h"

namespace sluice::somtoday {
namespace {

using connector::Error;
using connector::HttpRequest;
using connector::HttpResponse;
using connector::Reason;

// Attempts with one request whose answers are broken, beside what the HTTP client repeats by itself.
constexpr int kMostAttempts = 3;

absl::Status Broken(const std::string& what) {
  return Error(Reason::kTransient, "SOM-0301",
               what + " was broken off or is not JSON; Somtoday may be under maintenance");
}

std::string TextOf(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}

std::vector<std::string> TextsOf(const Json& json, const char* key) {
  std::vector<std::string> texts;
  const auto found = json.find(key);
  if (found == json.end() || !found->is_array()) return texts;
  for (const Json& item : *found) {
    if (item.is_string()) texts.push_back(item.get<std::string>());
  }
  return texts;
}

bool ListHas(const std::vector<std::string>& list, const char* item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

bool IsBrin(const std::string& text) { return re2::RE2::FullMatch(text, "[0-9]{2}[A-Za-z]{2}"); }

connector::HttpOptions HttpOptionsFor(const Options& options, const connector::System& system) {
  auto http = connector::HttpOptions::For(system);
  const auto own = static_cast<uint32_t>(options.parallel);
  http.pace.requests_in_parallel =
      http.pace.requests_in_parallel == 0 ? own : std::min(own, http.pace.requests_in_parallel);
  http.first_backoff = options.backoff;
  http.read_only = true;
  return http;
}

}  // namespace

Options Options::Of(const connector::System& system) {
  const connector::Settings& settings = system.settings;
  Options options;
  options.organisation = settings.Text("organisation");
  options.api_url = std::string(absl::StripSuffix(settings.Text("api_url"), "/"));
  options.token_url = settings.Text("token_url");
  options.client_id = settings.Secret("client_id").Reveal();
  options.client_secret = settings.Secret("client_secret");
  const auto people = settings.Texts("people");
  options.pupils = people.empty() || ListHas(people, "pupils");
  options.staff = people.empty() || ListHas(people, "staff");
  const auto contracts = settings.Texts("contracts");
  options.placement = contracts.empty() || ListHas(contracts, "placement");
  options.class_group = contracts.empty() || ListHas(contracts, "class_group");
  options.employment = contracts.empty() || ListHas(contracts, "employment");
  const auto years = settings.Texts("school_years");
  for (const char* year : {"HUIDIG", "VOLGEND"}) {
    if (years.empty() || ListHas(years, year)) options.school_years.push_back(year);
  }
  if (settings.Has("page_size")) options.page_size = static_cast<int>(settings.Integer("page_size"));
  if (settings.Has("requests_in_parallel"))
    options.parallel = static_cast<int>(settings.Integer("requests_in_parallel"));
  if (settings.Has("timeout")) options.timeout = settings.Duration("timeout");
  if (settings.Has("first_backoff")) options.backoff = settings.Duration("first_backoff");
  options.bsn = settings.Flag("bsn");
  return options;
}

Session::Session(const Options& options, const connector::System& system, connector::Cancellation cancellation)
    : options_(options), cancellation_(std::move(cancellation)), http_(HttpOptionsFor(options, system)) {}

absl::Status Session::Start() {
  auto organisation = FindOrganisation();
  if (!organisation.ok()) return organisation.status();
  auto credentials = std::make_shared<connector::OAuth2Client>();
  credentials->token_url = absl::StrCat(options_.token_url, "?organisation=", connector::UrlEncode(*organisation));
  credentials->client_id = options_.client_id;
  credentials->client_secret = options_.client_secret;
  credentials_ = std::move(credentials);
  return absl::OkStatus();
}

void Session::Send(const std::string& path, Done done) {
  HttpRequest request;
  request.url = options_.api_url + path;
  request.headers = {{"Accept", "application/json"}};
  request.credentials = credentials_;
  request.timeout = options_.timeout;
  request.cancellation = cancellation_;
  http_.SendAsync(std::move(request), std::move(done));
}

absl::StatusOr<Json> Session::GetPublic(const std::string& path) {
  for (int attempt = 1;; ++attempt) {
    HttpRequest request;
    request.url = options_.api_url + path;
    request.headers = {{"Accept", "application/json"}};
    request.timeout = options_.timeout;
    request.cancellation = cancellation_;
    auto response = http_.Send(std::move(request));
    if (!response.ok()) return response.status();
    system_time_ += response->took;
    if (!response->ok())
      return connector::ErrorOf(*response, "SOM-0003", "the list of organisations could not be read");
    if (auto json = ReadPage(response->body, /*with_groups=*/false)) return *std::move(json);
    if (attempt == kMostAttempts) return Broken("the list of organisations");
    if (!cancellation_.Sleep(options_.backoff * attempt)) return Error(Reason::kCancelled, "SOM-0301", "cancelled");
  }
}

absl::StatusOr<Json> Session::Instellingen(const std::string& query) {
  auto json = GetPublic("/connect/instelling" + query);
  if (!json.ok()) return json.status();
  const auto list = json->find("instellingen");
  if (list == json->end() || !list->is_array()) return Broken("the list of organisations");
  Json hits = Json::array();
  const std::string wanted = absl::AsciiStrToLower(options_.organisation);
  for (const Json& item : *list) {
    const auto brins = TextsOf(item, "brins");
    const bool by_brin = std::any_of(brins.begin(), brins.end(), [&](const std::string& brin) {
      return absl::EqualsIgnoreCase(brin, options_.organisation);
    });
    if (by_brin || absl::AsciiStrToLower(TextOf(item, "naam")) == wanted) hits.push_back(item);
  }
  return hits;
}

absl::StatusOr<std::string> Session::FindOrganisation() {
  const std::string key = IsBrin(options_.organisation) ? "brin" : "naam";
  const std::string value = key == "brin" ? absl::AsciiStrToUpper(options_.organisation) : options_.organisation;
  auto hits = Instellingen(absl::StrCat("?", key, "=", connector::UrlEncode(value)));
  // How the server compares is not promised: ask for all before saying that there is none.
  if (hits.ok() && hits->empty()) hits = Instellingen("");
  if (!hits.ok()) return hits.status();
  if (hits->empty()) {
    return Error(Reason::kNotFound, "SOM-0001",
                 absl::StrCat("Somtoday has no organisation '", options_.organisation,
                              "'; write its whole name, or its BRIN, in the setting organisation"));
  }
  if (hits->size() > 1) {
    std::vector<std::string> shown;
    for (const Json& hit : *hits)
      shown.push_back(absl::StrCat(TextOf(hit, "naam"), " (", absl::StrJoin(TextsOf(hit, "brins"), ", "), ")"));
    return Error(
        Reason::kAmbiguous, "SOM-0002",
        absl::StrCat("several organisations fit '", options_.organisation, "': ", absl::StrJoin(shown, " and "),
                     "; write the BRIN of the right one in the setting organisation"));
  }
  const std::string uuid = TextOf(hits->front(), "uuid");
  if (uuid.empty()) return Broken("the list of organisations");
  return uuid;
}

absl::Status Session::Explained(const absl::Status& status) const {
  const Error error = Error::From(status);
  const std::string code = error.diagnostics.empty() ? "" : error.diagnostics[0].code;
  if (code == "SDK-0509" && error.reason == Reason::kAuth) {
    return Error(Reason::kAuth, "SOM-0101",
                 absl::StrCat("Somtoday refuses the client for organisation '", options_.organisation,
                              "'; check client_id and client_secret, and that the school has switched the link on"))
        .TargetStatus(error.target_status);
  }
  if (code == "SDK-0510") {
    return Error(Reason::kUnavailable, "SOM-0102",
                 "the token endpoint answers without a token; Somtoday may be under maintenance");
  }
  return status;
}

absl::StatusOr<std::vector<Vestiging>> Session::Vestigingen() {
  Fetcher fetcher(*this);
  auto json = fetcher.Get("/connect/vestiging", "vestigingen");
  if (!json.ok()) {
    Error error = Error::From(json.status());
    if (error.reason != Reason::kForbidden) return json.status();
    return Error(Reason::kAuth, "SOM-0101",
                 absl::StrCat("Somtoday does not accept its own token for organisation '", options_.organisation, "'"));
  }
  std::vector<Vestiging> vestigingen;
  for (const Json& item : (*json)["vestigingen"]) {
    Vestiging vestiging;
    vestiging.uuid = TextOf(item, "uuid");
    vestiging.naam = TextOf(item, "naam");
    const std::string abbreviation = TextOf(item, "afkorting");
    const auto brins = TextsOf(item, "brins");
    // One BRIN, or that of several which is the abbreviation too; else the abbreviation.
    vestiging.code = brins.size() == 1 ? brins[0] : abbreviation;
    if (vestiging.uuid.empty()) return Broken("the list of vestigingen");
    const bool known = std::any_of(vestigingen.begin(), vestigingen.end(),
                                   [&](const Vestiging& other) { return other.uuid == vestiging.uuid; });
    if (!known) vestigingen.push_back(std::move(vestiging));
  }
  return vestigingen;
}

Fetcher::Fetcher(Session& session) : session_(session) {}

void Fetcher::Start(int tag, const std::string& path, const std::string& envelope) {
  ++under_way_;
  Request request;
  request.tag = tag;
  request.path = path;
  request.envelope = envelope;
  Send(std::move(request));
}

void Fetcher::Send(Request request) {
  ++request.attempts;
  const std::string path = request.path;
  session_.Send(path, [inbox = inbox_, request = std::move(request),
                       with_groups = session_.options_.class_group](absl::StatusOr<HttpResponse> response) {
    Arrived arrived{request, std::move(response), std::nullopt};
    if (arrived.response.ok() && arrived.response->ok()) {
      arrived.json = ReadPage(arrived.response->body, with_groups);
      arrived.response->body = std::string();
    }
    absl::MutexLock lock(&inbox->mutex);
    inbox->arrived.push_back(std::move(arrived));
  });
}

std::optional<absl::StatusOr<Json>> Fetcher::Settle(Arrived& arrived) {
  Request& request = arrived.request;
  if (!arrived.response.ok()) {
    const Reason reason = Error::From(arrived.response.status()).reason;
    // A slow answer used the whole time of the request: once more, no longer.
    if (reason != Reason::kTransient || request.attempts >= 2)
      return absl::StatusOr<Json>(session_.Explained(arrived.response.status()));
    Send(std::move(request));
    return std::nullopt;
  }
  const HttpResponse& response = *arrived.response;
  session_.system_time_ += response.took;
  if (response.status == 401) {
    return absl::StatusOr<Json>(
        Error(Reason::kForbidden, "SOM-0201", "the school gives no right on this vestiging").TargetStatus("HTTP 401"));
  }
  if (response.status == 403) {
    return absl::StatusOr<Json>(
        Error(Reason::kForbidden, "SOM-0202", "the school gives no right on these records").TargetStatus("HTTP 403"));
  }
  if (response.status == 404) {
    return absl::StatusOr<Json>(
        Error(Reason::kNotFound, "SOM-0203", "Somtoday does not offer these records here").TargetStatus("HTTP 404"));
  }
  if (!response.ok())
    return absl::StatusOr<Json>(connector::ErrorOf(response, "SOM-0301", "Somtoday answers with an error"));
  if (arrived.json.has_value()) {
    const auto list = arrived.json->find(request.envelope);
    if (list != arrived.json->end() && list->is_array()) return absl::StatusOr<Json>(*std::move(arrived.json));
  }
  if (request.attempts >= kMostAttempts) return absl::StatusOr<Json>(Broken("an answer"));
  if (!session_.cancellation_.Sleep(session_.options_.backoff * request.attempts))
    return absl::StatusOr<Json>(Error(Reason::kCancelled, "SOM-0301", "cancelled"));
  Send(std::move(request));
  return std::nullopt;
}

Fetcher::Reply Fetcher::Next() {
  while (true) {
    std::optional<Arrived> arrived;
    {
      absl::MutexLock lock(&inbox_->mutex);
      inbox_->mutex.Await(absl::Condition(
          +[](Inbox* inbox) ABSL_NO_THREAD_SAFETY_ANALYSIS { return !inbox->arrived.empty(); }, inbox_.get()));
      arrived.emplace(std::move(inbox_->arrived.front()));
      inbox_->arrived.pop_front();
    }
    const int tag = arrived->request.tag;
    if (auto body = Settle(*arrived)) {
      --under_way_;
      return Reply{tag, *std::move(body)};
    }
  }
}

absl::StatusOr<Json> Fetcher::Get(const std::string& path, const std::string& envelope) {
  Start(0, path, envelope);
  return Next().body;
}

}  // namespace sluice::somtoday
