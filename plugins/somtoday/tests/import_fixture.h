// A twin in this process, a connector opened on it, and what an import of it gave.
#ifndef PLUGINS_SOMTODAY_TESTS_IMPORT_FIXTURE_H_
#define PLUGINS_SOMTODAY_TESTS_IMPORT_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "plugins/somtoday/src/somtoday.h"
#include "plugins/somtoday/tests/collector.h"
#include "plugins/somtoday/tests/twin_client.h"
#include "plugins/somtoday/twin/server.h"

namespace sluice::somtoday {

using somtoday_twin::Json;

// One import.
struct Imported {
  absl::Status status;
  std::unique_ptr<connector::ImportRequest> request;
  std::unique_ptr<Collector> out;

  // By BRIN order of the twin: the scope of a vestiging.
  const Collector::ScopeEnd& Scope(const std::string& uuid) const { return *out->scopes.at(uuid); }
  State StateOf(const std::string& uuid, const std::string& object_class) const {
    return Scope(uuid).ends.at(object_class).state;
  }
  connector::Error ErrorOf(const std::string& uuid, const std::string& object_class) const {
    return Scope(uuid).ends.at(object_class).error;
  }
  std::set<std::string> Ids(const std::string& uuid, const std::string& object_class) const {
    std::set<std::string> ids;
    const auto& records = Scope(uuid).records;
    const auto found = records.find(object_class);
    if (found == records.end()) return ids;
    for (const auto& [id, record] : found->second) ids.insert(id);
    return ids;
  }
  const connector::Record* Find(const std::string& object_class, const std::string& attribute,
                                const std::string& text) const {
    for (const auto& [id, scope] : out->scopes) {
      const auto found = scope->records.find(object_class);
      if (found == scope->records.end()) continue;
      for (const auto& [record_id, record] : found->second) {
        if (record.Get(attribute).TextOr("") == text) return &record;
      }
    }
    return nullptr;
  }
};

class ImportTest : public ::testing::Test {
 protected:
  // Small, so that a page of 20 makes lists of many pages.
  void StartTwin(int pupils = 300, int staff = 60, int locations = 3) {
    clock_ = ::testing::TempDir() + "somtoday_clock_" + ::testing::UnitTest::GetInstance()->current_test_info()->name();
    SetDay(absl::CivilDay(2026, 11, 24));
    somtoday_twin::TwinOptions options;
    options.size.pupils = pupils;
    options.size.staff = staff;
    options.size.locations = locations;
    options.clock_file = clock_;
    auto twin = somtoday_twin::StartTwin(options);
    if (!twin.ok()) throw std::runtime_error(std::string(twin.status().message()));
    twin_ = std::move(*twin);
    client_ = std::make_unique<somtoday_twin::TwinClient>(twin_->port());
    client_->SignIn();
    const Json list = client_->Get("vestiging");
    vestigingen_.clear();
    for (const Json& vestiging : list["vestigingen"]) vestigingen_.push_back(vestiging["uuid"]);
    settings_ = {{"organisation", connector::Value("31XY")},
                 {"api_url", connector::Value(twin_->url() + "/rest/v1")},
                 {"token_url", connector::Value(twin_->url() + "/inloggen/oauth2/token")},
                 {"page_size", connector::Value(20)},
                 {"requests_in_parallel", connector::Value(4)},
                 {"timeout", connector::Value("10s")},
                 {"first_backoff", connector::Value("5ms")}};
  }
  void TearDown() override {
    client_.reset();
    twin_.reset();
    if (!clock_.empty()) std::remove(clock_.c_str());
  }

  void SetDay(absl::CivilDay day) {
    as_of_ = day;
    std::ofstream(clock_) << absl::FormatCivilTime(day) << "T03:30:00+01:00\n";
  }

  connector::System MakeSystem() const {
    connector::System system;
    system.id = "somtoday";
    system.settings = connector::Settings(settings_, {{"client_id", connector::Secret("waterlanden-link")},
                                                      {"client_secret", connector::Secret(secret_)}});
    return system;
  }

  // Everything that Describe() knows, BSN included, is asked for.
  Imported Import(std::vector<std::string> only_classes = {}) {
    Imported imported;
    imported.request = std::make_unique<connector::ImportRequest>();
    const connector::Description description = Somtoday::Describe();
    for (const auto& object_class : description.classes) {
      if (!only_classes.empty() &&
          std::find(only_classes.begin(), only_classes.end(), object_class.name) == only_classes.end())
        continue;
      connector::ClassRequest wanted;
      wanted.object_class = object_class.name;
      for (const auto& attribute : object_class.attributes) wanted.attributes.push_back(attribute.name);
      imported.request->classes.push_back(std::move(wanted));
    }
    imported.request->as_of = as_of_;
    if (cancelled_ != nullptr) imported.request->cancellation = *cancelled_;
    Somtoday source;
    EXPECT_TRUE(connector::SystemForTest::Open(source, MakeSystem()).ok());
    imported.request->system = &source.system();
    imported.out = std::make_unique<Collector>(*imported.request);
    imported.status = source.Import(*imported.request, *imported.out);
    imported.request->system = nullptr;
    return imported;
  }

  // The truth: uuids of an entity in a vestiging, both school years together.
  std::set<std::string> Truth(const std::string& vestiging, const std::string& envelope) {
    std::set<std::string> ids;
    const Json& state = TrueState();
    for (const char* year : {"HUIDIG", "VOLGEND"}) {
      for (const Json& record : state.at(year).at(vestiging).at(envelope)) ids.insert(record["uuid"]);
    }
    return ids;
  }

  // Nobody looks gone: what is called complete holds everybody that the school has.
  void ExpectNobodyGone(const Imported& imported) {
    if (!imported.status.ok()) return;
    for (const std::string& vestiging : vestigingen_) {
      if (!imported.out->scopes.contains(vestiging)) continue;
      for (const auto& [object_class, envelope] :
           {std::pair{"leerling", "leerlingen"}, std::pair{"medewerker", "medewerkers"}}) {
        if (imported.StateOf(vestiging, object_class) != State::kComplete) continue;
        EXPECT_EQ(imported.Ids(vestiging, object_class), Truth(vestiging, envelope)) << object_class;
      }
      if (imported.StateOf(vestiging, "lesgroep_lid") == State::kComplete) {
        EXPECT_EQ(imported.Ids(vestiging, "lesgroep_lid"), TrueMembers(vestiging));
      }
    }
  }
  // As it was when it was first asked for: make events before.
  const Json& TrueState() {
    if (state_.is_null()) state_ = client_->Admin("GET", "state");
    return state_;
  }
  std::set<std::string> TrueMembers(const std::string& vestiging) {
    std::set<std::string> ids;
    const Json& state = TrueState();
    for (const char* year : {"HUIDIG", "VOLGEND"}) {
      for (const Json& group : state.at(year).at(vestiging).at("lesgroepen")) {
        if (!group.contains("naam")) continue;
        const std::string uuid = group["uuid"];
        for (const Json& member : group["leerlingen"]) ids.insert(uuid + "|" + member["uuid"].get<std::string>());
        for (const Json& member : group["docenten"]) ids.insert(uuid + "|" + member.get<std::string>());
      }
    }
    return ids;
  }
  int TokensAsked() {
    const Json counters = client_->Admin("GET", "counters");
    return counters.value("POST inloggen/oauth2/token", 0);
  }

  std::string clock_, secret_ = "somtoday-secret";
  absl::CivilDay as_of_;
  std::unique_ptr<somtoday_twin::TwinServer> twin_;
  std::unique_ptr<somtoday_twin::TwinClient> client_;
  std::vector<std::string> vestigingen_;
  std::map<std::string, connector::Value> settings_;
  Json state_;
  std::shared_ptr<connector::Cancellation> cancelled_;
};

}  // namespace sluice::somtoday

#endif  // PLUGINS_SOMTODAY_TESTS_IMPORT_FIXTURE_H_
