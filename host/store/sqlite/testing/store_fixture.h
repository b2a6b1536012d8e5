// A store in a folder of its own, and things to put into it.
//
// For tests only.
#ifndef SLUICE_HOST_STORE_SQLITE_TESTING_STORE_FIXTURE_H_
#define SLUICE_HOST_STORE_SQLITE_TESTING_STORE_FIXTURE_H_

#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "gtest/gtest.h"
#include "host/base/clock.h"
#include "host/base/testing/temporary_folder.h"
#include "host/store/sqlite/sqlite_store.h"

namespace sluice::store {

inline const absl::CivilDay kDay(2026, 11, 24);
inline const absl::Time kNow = absl::FromUnixMicros(1795487400123456);

class StoreFixture : public ::testing::Test {
 protected:
  StoreFixture() {}
  ~StoreFixture() override { store_.reset(); }

  std::string Path() const { return absl::StrCat(folder_.path(), "/store.db"); }
  absl::StatusOr<std::unique_ptr<Store>> TryOpen(const std::string& vfs = "") {
    return OpenSqliteStore({Path(), "testhost", &clock_, vfs});
  }
  void Open(const std::string& vfs = "") {
    store_.reset();
    absl::StatusOr<std::unique_ptr<Store>> store = TryOpen(vfs);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }
  void Write(const Commit& commit) {
    const absl::Status status = store_->Write(commit);
    ASSERT_TRUE(status.ok()) << status;
  }
  core::State State() {
    absl::StatusOr<core::State> state = store_->LoadState(nullptr);
    EXPECT_TRUE(state.ok()) << state.status();
    return state.ok() ? *std::move(state) : core::State();
  }
  // Of the folder: file, log and all.
  int64_t BytesOnDisk() const {
    int64_t size = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
      size += static_cast<int64_t>(entry.file_size());
    }
    return size;
  }

  base::TemporaryFolder folder_;
  base::FakeClock clock_{kNow};
  std::unique_ptr<Store> store_;
};

inline std::shared_ptr<const core::Person> MakePerson(int number, const std::string& family = "Bakker") {
  auto person = std::make_shared<core::Person>();
  person->id = absl::StrFormat("%08x-0000-8000-8000-000000000000", number);
  person->display = absl::StrCat("Sem ", family);
  person->external_id = absl::StrCat(100000 + number);
  person->fields = {{"external_id", core::Value::Text(person->external_id)},
                    {"name.nick", core::Value::Text("Sem")},
                    {"name.family_all", core::Value::Text(family)},
                    {"birth_date", core::Value::Date(absl::CivilDay(2010, 2, 3))},
                    {"custom.geen_laptop", core::Value::Empty()}};
  for (int at = 0; at < 4; ++at) {
    core::Contract contract;
    contract.id = absl::StrFormat("%08x-%04x-8000-8000-000000000000", number, at);
    contract.type = at == 0 ? "placement" : "class_group";
    contract.start = absl::CivilDay(2026, 8, 1);
    if (at == 3) contract.end = absl::CivilDay(2027, 7, 31);
    contract.fields = {{"department.id", core::Value::Text(absl::StrCat("d", at))},
                       {"department.code", core::Value::Text("H4D")},
                       {"fte", core::Value::Number({800000})}};
    contract.source = {"somtoday", "v1", "plaatsing", absl::StrCat(number, "-", at)};
    person->contracts.push_back(std::move(contract));
  }
  person->sources = {{"somtoday", "v1", "leerling", absl::StrCat(number)}};
  return person;
}

inline core::Snapshot MakeSnapshot(int persons, absl::CivilDay as_of = kDay) {
  core::Snapshot snapshot;
  snapshot.as_of = as_of;
  snapshot.configuration = "7c1e";
  for (int number = 0; number < persons; ++number) snapshot.persons.push_back(MakePerson(number));
  return snapshot;
}

inline void AddRecord(core::RawSet& set, const std::string& scope, const std::string& object_class, int number,
                      absl::CivilDay day, const std::string& name = "Bakker") {
  core::RawRecord raw;
  raw.record.scope = scope;
  raw.record.object_class = object_class;
  raw.record.id = absl::StrFormat("%06d", number);
  raw.record.name = name;
  raw.record.attributes = {{"achternaam", core::Value::Text(name)},
                           {"nummer", core::Value::Integer(number)},
                           {"vestiging", core::Value::Ref({"vestiging", "v1"})}};
  raw.hash = core::RecordHash(raw.record);
  raw.first_seen = day;
  raw.last_confirmed = day;
  set[{scope, object_class, raw.record.id}] = std::move(raw);
}

inline ImportResult MakeImport(int records, absl::CivilDay day = kDay) {
  ImportResult import;
  import.system = "somtoday";
  import.run_id = "run-1";
  import.as_of = day;
  for (int number = 0; number < records; ++number) {
    AddRecord(import.raw, "v1", "leerling", number, day);
    AddRecord(import.raw, "v1", "plaatsing", number, day);
  }
  import.states = {{"v1", "leerling", core::Completeness::kComplete, records, ""},
                   { "v1",
                     "plaatsing",
                     core::Completeness::kComplete,
                     records,
                     "" }};
  return import;
}

inline core::Grant MakeGrant(const std::string& person_id, core::GrantState state, int64_t generation) {
  core::Grant grant;
  grant.person_id = person_id;
  grant.system = "ad";
  grant.entitlement = "account";
  grant.state = state;
  grant.generation = generation;
  grant.object_id = "guid-1";
  grant.object_name = "CN=Ö'Brien\\, Jr.,OU=Leerlingen";
  grant.since = kDay;
  grant.desired = {{"sn", core::Value::Text("Bakker")}, {"mail", core::Value::Empty()}};
  return grant;
}

inline Operation MakeOperation(const std::string& id, Operation::State state, int64_t fence = 1) {
  Operation operation;
  operation.planned.id = id;
  operation.planned.kind = core::OperationKind::kCreate;
  operation.planned.system = "ad";
  operation.planned.person_id = "person-1";
  operation.planned.entitlement = "account";
  operation.planned.object_class = "account";
  operation.planned.changes = {{"sn", core::Value::NotVisible(), core::Value::Text("Bakker")}};
  operation.planned.reason.origin = "rules";
  operation.plan = "9f3c07";
  operation.run_id = "run-1";
  operation.state = state;
  operation.host = "testhost";
  operation.fence = fence;
  operation.lease_until = kNow + absl::Minutes(5);
  operation.written = kNow;
  return operation;
}

inline audit::Entry MakeEntry(const std::string& action) {
  audit::Entry entry;
  entry.time = kNow + absl::Nanoseconds(789);  // Finer than what is hashed and stored.
  entry.actor = "host";
  entry.action = action;
  entry.changes = {{"person-1", "sn", core::Value::Empty(), core::Value::Text("Bakker")}};
  return entry;
}

}  // namespace sluice::store

#endif  // SLUICE_HOST_STORE_SQLITE_TESTING_STORE_FIXTURE_H_
