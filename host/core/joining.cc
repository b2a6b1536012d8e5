#include "host/core/joining.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace sluice::core {
namespace {

// System, class and id of a record, whatever its scope.
using ObjectKey = std::tuple<std::string, std::string, std::string>;

std::string TextOf(const Value::Map& map, const char* name) {
  const auto found = map.find(name);
  return found == map.end() ? "" : found->second.ToText();
}

std::vector<JoinedMember> ReadMembers(const Value& value) {
  std::vector<JoinedMember> members;
  if (!value.is_list()) return members;
  for (const Value& item : value.list()) {
    if (item.kind() != Value::Kind::kMap) continue;
    const Value::Map& map = item.map();
    JoinedMember member{
        TextOf(map, "system"), TextOf(map, "class"), TextOf(map, "id"), TextOf(map, "external_id"), {}, {}};
    if (const auto day = map.find("last_seen"); day != map.end() && day->second.kind() == Value::Kind::kDate)
      member.last_seen = day->second.date();
    if (const auto gives = map.find("gives"); gives != map.end() && gives->second.is_list()) {
      for (const Value& field : gives->second.list()) member.gives.push_back(field.ToText());
    }
    members.push_back(std::move(member));
  }
  return members;
}

Value WriteMembers(const std::vector<JoinedMember>& members) {
  Value::List list;
  for (const JoinedMember& member : members) {
    Value::Map map = {{"system", Value::Text(member.system)},
                      {"class", Value::Text(member.object_class)},
                      {"id", Value::Text(member.id)}};
    if (!member.external_id.empty()) map["external_id"] = Value::Text(member.external_id);
    if (member.last_seen) map["last_seen"] = Value::Date(*member.last_seen);
    Value::List gives;
    for (const std::string& field : member.gives) gives.push_back(Value::Text(field));
    if (!gives.empty()) map["gives"] = Value::ListOf(std::move(gives));
    list.push_back(Value::MapOf(std::move(map)));
  }
  return Value::ListOf(std::move(list));
}

// The grace of a source that no longer has a record is over.
bool IsLongGone(const std::optional<absl::CivilDay>& last_seen, const Configuration& configuration,
                const std::string& source, absl::CivilDay as_of) {
  if (!last_seen) return false;
  const SystemSpec* system = configuration.FindSystem(source);
  return *last_seen + (system == nullptr ? 0 : system->vanish_grace_days) < as_of;
}

// Which fields the mapping of a class of records has, what is computed from them included.
std::vector<std::string> FieldsOfMapping(const SystemSpec& system, const std::string& object_class) {
  std::set<std::string> fields;
  for (const PersonMapping& mapping : system.persons) {
    if (mapping.from != object_class) continue;
    for (const FieldMapping& field : mapping.fields) fields.insert(field.field);
  }
  if (fields.contains("name.family")) fields.insert("name.family_all");
  if (fields.contains("name.family_all")) fields.insert("name.display");
  return {fields.begin(), fields.end()};
}

class Joiner {
 public:
  Joiner(std::vector<Person> persons, const JoinInput& input) : input_(input), join_(*input.configuration->join) {
    ReadBefore();
    for (Person& person : persons) AddMember(std::move(person));
    std::sort(members_.begin(), members_.end(), [](const Member& a, const Member& b) {
      return std::tie(a.rank, a.person.id) < std::tie(b.rank, b.person.id);
    });
  }

  std::vector<Person> Join() {
    GroupByKey();
    KeepTogether();
    KeepApart();
    GiveIds();
    std::vector<Person> persons;
    persons.reserve(groups_.size());
    for (Group& group : groups_) persons.push_back(MakePerson(group));
    std::sort(persons.begin(), persons.end(), [](const Person& a, const Person& b) { return a.id < b.id; });
    return persons;
  }

 private:
  struct Member {
    Person person;
    size_t rank = 0;
    std::string key;          // Empty: none, or not visible.
    std::string former;       // Id of the person that it was part of; empty: of none.
    bool was_joined = false;  // With a record of another source.
  };
  struct Group {
    std::vector<size_t> members;  // By rank, and so in the order of members_.
    std::string id;
  };

  const RecordKey& RecordOf(const Member& member) const { return member.person.sources.front(); }
  std::string Describe(const Member& member) const {
    const RecordKey& record = RecordOf(member);
    return absl::StrCat(record.system, " ", record.object_class, " ", record.id);
  }

  void ReadBefore() {
    for (const auto& person : input_.before->persons) {
      const std::vector<JoinedMember> members = MembersOf(*person);
      for (const JoinedMember& member : members)
        former_.emplace(ObjectKey(member.system, member.object_class, member.id),
                        std::make_pair(person->id, members.size() > 1));
    }
  }

  void AddMember(Person person) {
    Member member;
    const RecordKey& record = person.sources.front();
    member.rank = static_cast<size_t>(std::find(join_.sources.begin(), join_.sources.end(), record.system) -
                                      join_.sources.begin());
    const Value key = join_.key.Evaluate([&](const std::string& path) { return FieldOf(person, nullptr, path); });
    if (key.has_value()) member.key = key.ToText();
    const auto found = former_.find({record.system, record.object_class, record.id});
    if (found != former_.end()) {
      std::tie(member.former, member.was_joined) = found->second;
    } else if (const Person* before = input_.before->Find(person.id);
               before != nullptr && !before->fields.contains(kJoined)) {
      member.former = person.id;
    }
    member.person = std::move(person);
    members_.push_back(std::move(member));
  }

  void HoldBack(Member& member, const std::string& why) {
    member.person.held_back.push_back(absl::StrCat(Describe(member), ": ", why));
  }

  size_t AddGroup(std::vector<size_t> members) {
    groups_.push_back({std::move(members), ""});
    return groups_.size() - 1;
  }

  void GroupByKey() {
    std::map<std::string, std::vector<std::vector<size_t>>> by_key;  // Members by source.
    for (size_t i = 0; i < members_.size(); ++i) {
      if (members_[i].key.empty()) continue;
      auto& sources = by_key[members_[i].key];
      sources.resize(join_.sources.size());
      sources[members_[i].rank].push_back(i);
    }
    for (const auto& [key, sources] : by_key) {
      std::vector<size_t> together;
      for (const std::vector<size_t>& same : sources) {
        const std::optional<size_t> one = TheOne(same, sources);
        if (one) together.push_back(*one);
        for (const size_t other : same) {
          if (one && other == *one) continue;
          // What it was joined with before it stays with, as if its key could not be seen.
          members_[other].key.clear();
        }
      }
      if (!together.empty()) AddGroup(std::move(together));
    }
  }

  // Whether one of another source has this key and was the same person before.
  bool HasPartner(size_t member, const std::vector<std::vector<size_t>>& sources) const {
    for (const std::vector<size_t>& same : sources) {
      for (const size_t i : same) {
        if (members_[i].rank != members_[member].rank && !members_[i].former.empty() &&
            members_[i].former == members_[member].former)
          return true;
      }
    }
    return false;
  }

  // Of the persons of one source with one key the one that can be joined; the others that are there are held back. One
  // that is gone belongs to nobody whom it did not belong to before: a number may have been given to somebody else.
  std::optional<size_t> TheOne(const std::vector<size_t>& same, const std::vector<std::vector<size_t>>& sources) {
    std::vector<size_t> joined, present;
    for (const size_t i : same) {
      if (HasPartner(i, sources)) joined.push_back(i);
      if (!members_[i].person.last_seen) present.push_back(i);
    }
    std::optional<size_t> one;
    if (joined.size() == 1) {
      one = joined.front();
    } else if (joined.empty() && present.size() == 1) {
      one = present.front();
    }
    for (const size_t i : present) {
      if (i == one) continue;
      const size_t other = one ? *one : same.front() == i ? same.back() : same.front();
      HoldBack(members_[i], absl::StrCat("it has the join key of ", Describe(members_[other]),
                                         one ? ", who had it first" : "", "; correct one of the two in the source"));
    }
    return one;
  }

  // Who was joined before and has no key that can be seen stays with the others; who was not is alone.
  void KeepTogether() {
    std::map<std::string, std::vector<size_t>> groups_of;  // By former person.
    for (size_t g = 0; g < groups_.size(); ++g) {
      for (const size_t i : groups_[g].members) {
        if (members_[i].was_joined) groups_of[members_[i].former].push_back(g);
      }
    }
    for (size_t i = 0; i < members_.size(); ++i) {
      Member& member = members_[i];
      if (!member.key.empty()) continue;
      if (!member.was_joined) {
        AddGroup({i});
        continue;
      }
      std::vector<size_t>& candidates = groups_of[member.former];
      const auto home = BestHome(candidates, member);
      if (home == candidates.end()) {
        candidates.push_back(AddGroup({i}));
      } else {
        std::vector<size_t>& there = groups_[*home].members;
        there.insert(std::upper_bound(there.begin(), there.end(), i), i);
      }
    }
  }

  // Where nobody of its own source is; the one that holds the record whose id the person has comes first.
  std::vector<size_t>::iterator BestHome(std::vector<size_t>& candidates, const Member& member) {
    auto best = candidates.end();
    for (auto it = candidates.begin(); it != candidates.end(); ++it) {
      bool is_taken = false, has_record = false;
      for (const size_t i : groups_[*it].members) {
        is_taken |= members_[i].rank == member.rank;
        has_record |= members_[i].person.id == member.former;
      }
      if (!is_taken && (best == candidates.end() || has_record)) best = it;
    }
    return best;
  }

  std::set<std::string> WithState(const Group& group) const {
    std::set<std::string> ids;
    for (const size_t i : group.members) {
      if (input_.with_state.contains(members_[i].former)) ids.insert(members_[i].former);
    }
    return ids;
  }

  // Two persons that both have accounts are not made one: which account would be whose is a decision.
  void KeepApart() {
    const size_t count = groups_.size();
    for (size_t g = 0; g < count; ++g) {
      if (WithState(groups_[g]).size() < 2) continue;
      std::map<std::string, std::vector<size_t>> by_former;
      std::vector<std::vector<size_t>> parts;
      for (const size_t i : groups_[g].members) {
        if (members_[i].former.empty()) {
          parts.push_back({i});
        } else {
          by_former[members_[i].former].push_back(i);
        }
      }
      for (auto& [former, part] : by_former) parts.push_back(std::move(part));
      for (const std::vector<size_t>& part : parts) {
        const auto other = std::find_if(groups_[g].members.begin(), groups_[g].members.end(),
                                        [&](size_t i) { return std::find(part.begin(), part.end(), i) == part.end(); });
        const std::string name = Describe(members_[*other]);
        HoldBack(members_[part.front()],
                 absl::StrCat("it has the join key of ", name,
                              ", and each of the two has accounts or decisions of its own; let one of them go first"));
      }
      groups_[g].members = parts.front();
      for (size_t p = 1; p < parts.size(); ++p) AddGroup(parts[p]);
    }
  }

  std::string WantedId(const Group& group) const {
    const std::set<std::string> known = WithState(group);
    if (known.size() == 1) return *known.begin();
    for (const size_t i : group.members) {
      if (!members_[i].former.empty()) return members_[i].former;
    }
    return members_[group.members.front()].person.id;
  }

  bool Has(const Group& group, const std::string& id, std::string Member::*of) const {
    return std::any_of(group.members.begin(), group.members.end(), [&](size_t i) { return members_[i].*of == id; });
  }
  bool HasRecord(const Group& group, const std::string& id) const {
    return std::any_of(group.members.begin(), group.members.end(),
                       [&](size_t i) { return members_[i].person.id == id; });
  }

  void GiveIds() {
    std::sort(groups_.begin(), groups_.end(),
              [](const Group& a, const Group& b) { return a.members.front() < b.members.front(); });
    std::map<std::string, std::vector<Group*>> claims;
    for (Group& group : groups_) claims[WantedId(group)].push_back(&group);
    std::vector<Group*> without;
    for (auto& [id, claimants] : claims) {
      const auto rank = [&, id = &id](const Group* group) {
        return std::make_tuple(!Has(*group, *id, &Member::former), !HasRecord(*group, *id), group);
      };
      Group* first =
          *std::min_element(claimants.begin(), claimants.end(), [&](Group* a, Group* b) { return rank(a) < rank(b); });
      first->id = id;
      for (Group* group : claimants) {
        if (group != first) without.push_back(group);
      }
    }
    std::sort(without.begin(), without.end());
    std::set<std::string> taken;
    for (const auto& [id, claimants] : claims) taken.insert(id);
    for (Group* group : without) group->id = FreeId(*group, taken);
  }

  // The id of one of its records, or one made of it.
  std::string FreeId(const Group& group, std::set<std::string>& taken) const {
    for (const size_t i : group.members) {
      if (taken.insert(members_[i].person.id).second) return members_[i].person.id;
    }
    const RecordKey& record = RecordOf(members_[group.members.front()]);
    for (int turn = 2;; ++turn) {
      std::string id = PersonId(record.system, record.object_class, absl::StrCat(record.id, "\n", turn));
      if (taken.insert(id).second) return id;
    }
  }

  bool IsLongGone(const Member& member) const {
    return core::IsLongGone(member.person.last_seen, *input_.configuration, RecordOf(member).system, input_.as_of);
  }

  Person MakePerson(Group& group) {
    Member& first = members_[group.members.front()];
    if (group.members.size() == 1 && first.person.id == group.id) return std::move(first.person);
    Person person;
    person.id = group.id;
    bool is_there = false;
    for (const size_t i : group.members) {
      Person& part = members_[i].person;
      person.sources.insert(person.sources.end(), part.sources.begin(), part.sources.end());
      for (Contract& contract : part.contracts) person.contracts.push_back(std::move(contract));
      is_there |= !part.last_seen;
      if (part.last_seen) person.last_seen = std::max(person.last_seen, part.last_seen);
    }
    if (is_there) person.last_seen.reset();
    std::sort(person.contracts.begin(), person.contracts.end(),
              [](const Contract& a, const Contract& b) { return a.id < b.id; });
    std::stable_sort(group.members.begin(), group.members.end(),
                     [&](size_t a, size_t b) { return IsLongGone(members_[a]) < IsLongGone(members_[b]); });
    MergeFields(group, person);
    for (const size_t i : group.members) {
      if (is_there && IsLongGone(members_[i])) continue;
      for (std::string& reason : members_[i].person.held_back) person.held_back.push_back(std::move(reason));
    }
    std::sort(person.held_back.begin(), person.held_back.end());
    person.display = FieldOf(person, nullptr, "person.name.display").ToText();
    person.external_id = FieldOf(person, nullptr, "person.external_id").ToText();
    return person;
  }

  void MergeFields(const Group& group, Person& person) {
    std::vector<JoinedMember> described;
    std::set<std::string> given;
    Value::List left_out;
    for (const size_t i : group.members) {
      const Person& part = members_[i].person;
      const RecordKey& record = RecordOf(members_[i]);
      JoinedMember member{record.system, record.object_class, record.id, part.external_id, part.last_seen, {}};
      for (const std::string& field : FieldsFrom(record)) {
        if (!given.insert(field).second) continue;
        // Also where it is not visible today: who gives it does not change by that.
        if (!described.empty()) member.gives.push_back(field);
        if (const auto value = part.fields.find(field); value != part.fields.end())
          person.fields[field] = value->second;
      }
      if (const auto lines = part.fields.find(Person::kLeftOut); lines != part.fields.end() && lines->second.is_list())
        left_out.insert(left_out.end(), lines->second.list().begin(), lines->second.list().end());
      described.push_back(std::move(member));
    }
    if (!left_out.empty()) person.fields[Person::kLeftOut] = Value::ListOf(std::move(left_out));
    person.fields[kJoined] = WriteMembers(described);
  }

  const std::vector<std::string>& FieldsFrom(const RecordKey& record) {
    const auto [place, is_new] = mapped_.try_emplace({record.system, record.object_class});
    const SystemSpec* system = input_.configuration->FindSystem(record.system);
    if (is_new && system != nullptr) place->second = FieldsOfMapping(*system, record.object_class);
    return place->second;
  }

  const JoinInput& input_;
  const JoinSpec& join_;
  std::map<ObjectKey, std::pair<std::string, bool>> former_;
  std::vector<Member> members_;
  std::vector<Group> groups_;
  std::map<std::pair<std::string, std::string>, std::vector<std::string>> mapped_;
};

}  // namespace

std::vector<JoinedMember> MembersOf(const Person& person) {
  const auto found = person.fields.find(kJoined);
  return found == person.fields.end() ? std::vector<JoinedMember>() : ReadMembers(found->second);
}

std::string SourceOfField(const Person& person, absl::string_view field) {
  const std::vector<JoinedMember> members = MembersOf(person);
  for (const JoinedMember& member : members) {
    if (std::any_of(member.gives.begin(), member.gives.end(), [&](const std::string& one) { return one == field; }))
      return member.system;
  }
  if (!members.empty()) return members.front().system;
  return person.sources.empty() ? "" : person.sources.front().system;
}

bool IsOf(const Person& person, absl::string_view system) {
  return std::any_of(person.sources.begin(), person.sources.end(),
                     [&](const RecordKey& record) { return record.system == system; });
}

std::vector<std::string> PeopleThatLost(const Snapshot& before, const Snapshot& after, absl::string_view system) {
  std::vector<std::string> ids;
  for (const auto& person : after.persons) {
    if (person->last_seen || !person->fields.contains(kJoined)) continue;
    for (const JoinedMember& member : MembersOf(*person)) {
      if (member.system != system || !member.last_seen) continue;
      const Person* then = before.Find(person->id);
      if (then == nullptr || then->last_seen || !IsOf(*then, system)) continue;
      const std::vector<JoinedMember> members = MembersOf(*then);
      const bool was_gone = std::any_of(members.begin(), members.end(), [&](const JoinedMember& one) {
        return one.system == member.system && one.id == member.id && one.last_seen;
      });
      if (!was_gone) ids.push_back(person->id);
    }
  }
  return ids;
}

bool ChangesHands(const Snapshot& snapshot, const Configuration& configuration, absl::CivilDay as_of) {
  if (!configuration.join) return false;
  for (const auto& person : snapshot.persons) {
    if (!person->fields.contains(kJoined)) continue;
    for (const JoinedMember& member : MembersOf(*person)) {
      const bool was = IsLongGone(member.last_seen, configuration, member.system, snapshot.as_of);
      if (was != IsLongGone(member.last_seen, configuration, member.system, as_of)) return true;
    }
  }
  return false;
}

std::map<std::string, std::string> ExternalIdHoldersOf(const Snapshot& snapshot, absl::string_view system) {
  std::map<std::string, std::string> holders;
  for (const auto& person : snapshot.persons) {
    const bool has_anothers =
        std::any_of(person->held_back.begin(), person->held_back.end(),
                    [](const std::string& reason) { return absl::StrContains(reason, kHasTheExternalIdOf); });
    if (has_anothers) continue;
    if (!person->fields.contains(kJoined)) {
      if (!person->external_id.empty()) holders.emplace(person->external_id, person->id);
      continue;
    }
    for (const JoinedMember& member : MembersOf(*person)) {
      if (member.system == system && !member.external_id.empty())
        holders.emplace(member.external_id, PersonId(member.system, member.object_class, member.id));
    }
  }
  return holders;
}

std::set<std::string> PeopleWithState(const State& state) {
  std::set<std::string> ids;
  for (const Grant& grant : state.grants) {
    if (grant.state != GrantState::kAbsent) ids.insert(grant.person_id);
  }
  for (const Exclusion& exclusion : state.exclusions) ids.insert(exclusion.person_id);
  for (const auto& [key, account] : state.links) ids.insert(key.first);
  return ids;
}

std::vector<Person> JoinPersons(std::vector<Person> persons, const JoinInput& input) {
  if (!input.configuration->join) return persons;
  return Joiner(std::move(persons), input).Join();
}

}  // namespace sluice::core
