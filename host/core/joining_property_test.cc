// Joining under random sources: the order in which they are imported decides nothing but whose id a person gets, what
// is joined once stays so, and nobody is lost or twice.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <random>

#include "absl/strings/str_cat.h"
#include "host/core/joining.h"

namespace sluice::core {
namespace {

constexpr const char* kSources[] = {"hr", "somtoday", "lease"};

Configuration MakeConfiguration() {
  Configuration configuration;
  configuration.join = JoinSpec{*Template::Parse("{person.custom.nummer}"), {"hr", "somtoday", "lease"}, {}};
  for (const char* name : kSources) {
    SystemSpec& system = configuration.systems[name];
    system.name = name;
    system.is_source = true;
    system.persons = {
        {"r",
         {{"custom.nummer", *Template::Parse("{r.nummer}"), {}}, {"name.family", *Template::Parse("{r.naam}"), {}}}}};
    system.persons[0].fields.push_back({absl::StrCat("custom.", name), *Template::Parse("{r.eigen}"), {}});
  }
  return configuration;
}

// What a source says of one person; a key of 0 is empty, of 1 not visible.
struct Said {
  int source = 0, id = 0, key = 0;
  bool is_gone = false, is_held_back = false;
};

Person MakePerson(const Said& said) {
  const std::string system = kSources[said.source], id = absl::StrCat(said.id);
  Person person;
  person.id = PersonId(system, "r", id);
  person.sources = {{system, "", "r", id}};
  if (said.key != 1)
    person.fields["custom.nummer"] = said.key == 0 ? Value::Empty() : Value::Text(absl::StrCat(said.key));
  for (const char* field : {"name.family", "name.display"})
    person.fields[field] = Value::Text(absl::StrCat(system, id));
  person.fields[absl::StrCat("custom.", system)] = Value::Text(id);
  person.display = absl::StrCat(system, id);
  if (said.is_gone) person.last_seen = absl::CivilDay(2026, 11, 20);
  if (said.is_held_back) person.held_back = {"a field is not visible"};
  Contract contract;
  contract.type = "employment";
  contract.source = {system, "", "c", id};
  contract.id = ContractId("employment", contract.source);
  person.contracts = {contract};
  return person;
}

std::vector<Said> AnySaid() {
  std::vector<Said> all;
  for (int source = 0; source < 3; ++source) {
    const int count = *rc::gen::inRange(0, 8);
    for (int id = 0; id < count; ++id)
      all.push_back({source, id, *rc::gen::inRange(0, 9), false, *rc::gen::inRange(0, 9) == 0});
  }
  return all;
}

class Sequence {
 public:
  // The next snapshot when the persons of `sources` are those of `said`; of the others there is nobody yet.
  void Import(const std::vector<Said>& said, const std::set<int>& sources, int seed) {
    std::vector<Person> persons;
    for (const Said& one : said) {
      if (sources.contains(one.source)) persons.push_back(MakePerson(one));
    }
    std::shuffle(persons.begin(), persons.end(), std::mt19937(static_cast<unsigned>(seed)));
    Snapshot next;
    for (Person& person :
         JoinPersons(std::move(persons), {&configuration_, &snapshot, with_state, absl::CivilDay(2026, 11, 24)}))
      next.persons.push_back(std::make_shared<const Person>(std::move(person)));
    snapshot = std::move(next);
  }

  // Who is together, with the fields and what is held back, without ids.
  std::set<std::string> People() const {
    std::set<std::string> people;
    for (const auto& person : snapshot.persons) {
      Person copy = *person;
      copy.id.clear();
      if (MembersOf(copy).size() == 1) copy.fields.erase(kJoined);
      people.insert(CanonicalText(copy));
    }
    return people;
  }
  std::map<std::string, std::string> IdsByRecord() const {
    std::map<std::string, std::string> ids;
    for (const auto& person : snapshot.persons) {
      for (const RecordKey& record : person->sources) ids[absl::StrCat(record.system, " ", record.id)] = person->id;
    }
    return ids;
  }

  Snapshot snapshot;
  std::set<std::string> with_state;

 private:
  const Configuration configuration_ = MakeConfiguration();
};

// Everybody once, with all contracts, under an id of its own.
void CheckWhole(const std::vector<Said>& said, const Sequence& sequence) {
  std::set<std::string> ids, records, contracts;
  for (const auto& person : sequence.snapshot.persons) {
    RC_ASSERT(ids.insert(person->id).second);
    std::set<std::string> systems;
    for (const RecordKey& record : person->sources) {
      RC_ASSERT(systems.insert(record.system).second);
      RC_ASSERT(records.insert(absl::StrCat(record.system, " ", record.id)).second);
    }
    for (const Contract& contract : person->contracts) RC_ASSERT(contracts.insert(contract.id).second);
    for (const auto& [path, value] : person->fields) RC_ASSERT(systems.contains(SourceOfField(*person, path)));
  }
  RC_ASSERT(records.size() == said.size());
  RC_ASSERT(contracts.size() == said.size());
}

RC_GTEST_PROP(JoinProperty, TheOrderOfImportsDecidesNothingButTheId, ()) {
  const std::vector<Said> said = AnySaid();
  std::vector<int> order = {0, 1, 2};
  std::set<std::string> expected;
  bool is_first = true;
  do {
    Sequence sequence;
    std::set<int> read;
    std::map<std::string, std::string> ids;
    for (const int source : order) {
      read.insert(source);
      sequence.Import(said, read, source);
    }
    CheckWhole(said, sequence);
    if (is_first) expected = sequence.People();
    is_first = false;
    RC_ASSERT(sequence.People() == expected);
  } while (std::next_permutation(order.begin(), order.end()));
}

RC_GTEST_PROP(JoinProperty, ASecondTimeChangesNothing, ()) {
  const std::vector<Said> said = AnySaid();
  Sequence sequence;
  sequence.Import(said, {0, 1, 2}, 1);
  const Snapshot once = sequence.snapshot;
  sequence.Import(said, {0, 1, 2}, 2);
  RC_ASSERT(Diff(once, sequence.snapshot).IsEmpty());
}

// Keys that cannot be seen, records that are gone: whoever was one stays one, with its id.
RC_GTEST_PROP(JoinProperty, WhatIsNotReadOrNotSeenSeparatesNobody, ()) {
  std::vector<Said> said = AnySaid();
  Sequence sequence;
  sequence.Import(said, {0, 1, 2}, 1);
  const auto before = sequence.IdsByRecord();
  for (const auto& [record, id] : before) sequence.with_state.insert(id);
  for (int turn = 0; turn < 3; ++turn) {
    std::vector<Said> today = said;
    for (Said& one : today) {
      if (*rc::gen::inRange(0, 3) == 0) one.key = *rc::gen::inRange(0, 2);
      if (*rc::gen::inRange(0, 4) == 0) one.is_gone = true;
    }
    sequence.Import(today, {0, 1, 2}, turn);
    CheckWhole(today, sequence);
    const auto after = sequence.IdsByRecord();
    for (const auto& [record, id] : before) {
      for (const auto& [other, same] : before) {
        if (id == same) RC_ASSERT(after.at(record) == after.at(other));
      }
    }
    for (const auto& [record, id] : before)
      RC_ASSERT(std::count_if(after.begin(), after.end(), [&](const auto& one) { return one.second == id; }) > 0);
  }
}

// Whatever becomes of keys: an id that has accounts is never gone while a record of its person is there.
RC_GTEST_PROP(JoinProperty, NobodyWithAccountsLosesTheId, ()) {
  std::vector<Said> said = AnySaid();
  Sequence sequence;
  sequence.Import(said, {0, 1, 2}, 1);
  for (int turn = 0; turn < 4; ++turn) {
    for (const auto& person : sequence.snapshot.persons) {
      if (*rc::gen::inRange(0, 2) == 0) sequence.with_state.insert(person->id);
    }
    for (Said& one : said) {
      if (*rc::gen::inRange(0, 3) == 0) one.key = *rc::gen::inRange(0, 9);
    }
    sequence.Import(said, {0, 1, 2}, turn);
    CheckWhole(said, sequence);
    for (const std::string& id : sequence.with_state) RC_ASSERT(sequence.snapshot.Find(id) != nullptr);
  }
}

}  // namespace
}  // namespace sluice::core
