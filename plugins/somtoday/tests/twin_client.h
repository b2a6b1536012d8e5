// A plain client of the twin for tests: token, GET as JSON, admin calls. One test, one thread.
#ifndef PLUGINS_SOMTODAY_TESTS_TWIN_CLIENT_H_
#define PLUGINS_SOMTODAY_TESTS_TWIN_CLIENT_H_

#include <httplib.h>

#include <string>

#include "nlohmann/json.hpp"

namespace sluice::somtoday_twin {

using Json = nlohmann::ordered_json;

class TwinClient {
 public:
  explicit TwinClient(int port) : http_("127.0.0.1", port) {}

  Json Admin(const std::string& method, const std::string& path, const Json& body = nullptr) {
    const std::string text = body.is_null() ? "" : body.dump();
    httplib::Result result = method == "GET"      ? http_.Get("/__sim/" + path)
                             : method == "DELETE" ? http_.Delete("/__sim/" + path)
                                                  : http_.Post("/__sim/" + path, text, "application/json");
    return result ? Json::parse(result->body, nullptr, false) : Json();
  }
  Json Event(const Json& event) { return Admin("POST", "events", event); }
  void Fault(const Json& fault) { Admin("POST", "faults", fault); }

  void SignIn() {
    const auto list = Json::parse(http_.Get("/rest/v1/connect/instelling?brin=31XY")->body);
    organisation_ = list["instellingen"][0]["uuid"];
    const auto result = http_.Post("/inloggen/oauth2/token?organisation=" + organisation_,
                                   httplib::Params{{"grant_type", "client_credentials"},
                                                   {"client_id", "waterlanden-link"},
                                                   {"client_secret", "somtoday-secret"}});
    token_ = Json::parse(result->body)["access_token"];
  }
  httplib::Result Raw(const std::string& path) {
    return http_.Get("/rest/v1/connect/" + path,
                     httplib::Headers{{"Authorization", "Bearer " + token_}, {"Accept", "application/json"}});
  }
  Json Get(const std::string& path) {
    const auto result = Raw(path);
    if (!result) return Json();
    last_status = result->status;
    return Json::parse(result->body, nullptr, false);
  }
  // Every record of an entity in a vestiging, page by page.
  Json All(const std::string& vestiging, const std::string& entity, const std::string& envelope,
           const std::string& peil) {
    Json all = Json::array();
    while (true) {
      const Json page =
          Get("vestiging/" + vestiging + "/" + entity + "?amount=200&offset=" + std::to_string(all.size()) +
              (peil.empty() ? "" : "&peilschooljaar=" + peil));
      if (!page.contains(envelope) || page[envelope].empty()) return all;
      for (const Json& record : page[envelope]) all.push_back(record);
    }
  }

  int last_status = 0;

 private:
  httplib::Client http_;
  std::string organisation_, token_;
};

}  // namespace sluice::somtoday_twin

#endif  // PLUGINS_SOMTODAY_TESTS_TWIN_CLIENT_H_
