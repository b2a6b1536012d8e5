// Persons and contracts: what mappings made of raw records, and what rules speak about.
//
// Pure data. A person's version is its canonical JSON; equal hash, unchanged person.
#ifndef SLUICE_HOST_CORE_PERSON_H_
#define SLUICE_HOST_CORE_PERSON_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/civil_time.h"
#include "host/core/value.h"

namespace sluice::core {

// Which raw record something came from.
struct RecordKey {
  std::string system;
  std::string scope;
  std::string object_class;
  std::string id;
  friend bool operator==(const RecordKey&, const RecordKey&) = default;
  friend auto operator<=>(const RecordKey&, const RecordKey&) = default;
};

struct Contract {
  std::string id;    // Computed from the key of its record, and from its type.
  std::string type;  // "placement", "class_group", "employment"
  absl::CivilDay start;
  std::optional<absl::CivilDay> end;        // Last day, inclusive; none: open.
  std::optional<absl::CivilDay> last_seen;  // Set when a complete class no longer has its record: it ends that day.
  Fields fields;  // "department.id", "department.code", "location.code", "title.name", "custom.leerjaar"
  RecordKey source;
  // Key in `fields` of a flag that is set where the source does not let us see whether the contract ends: it counts as
  // open, but its end is not visible.
  static constexpr char kEndIsHidden[] = "end_is_hidden";

  // The day it ends as far as is known: `end`, or the last day that it was seen when that is earlier.
  std::optional<absl::CivilDay> EffectiveEnd() const;
};

struct Person {
  std::string id;           // Computed from (system, class, object id) of its record: for ever.
  std::string display;      // For people to read: name.display.
  std::string external_id;  // For people to read and for correlation; may be empty.
  Fields fields;  // By path without "person.": "external_id", "name.nick", "name.family_all", "custom.leerlingnummer"
  std::vector<Contract> contracts;  // By id.
  std::vector<RecordKey> sources;   // Of the person's own records, one a scope.
  // Set when every complete scope that had it no longer has it; see vanish_grace.
  std::optional<absl::CivilDay> last_seen;
  // Why it is held back; not processed further when not empty. Ids and field names only.
  std::vector<std::string> held_back;
  // Key in `fields` of a list of lines: contracts that it has in its source and that do not count, and why.
  static constexpr char kLeftOut[] = "left_out";
};

// Ids are UUIDv8 of ["person", system, class, object id] and ["contract", type, system, class, object id].
std::string PersonId(absl::string_view system, absl::string_view object_class, absl::string_view object_id);
std::string ContractId(absl::string_view type, const RecordKey& source);

// A person's version: its canonical JSON and the SHA-256 of that, as hexadecimal digits.
nlohmann::json ToJson(const Person& person);
std::string CanonicalText(const Person& person);  // CanonicalJson(ToJson(person)), without making the other first.
absl::StatusOr<Person> PersonFromJson(const nlohmann::json& json);
std::string VersionHash(const Person& person);

// A field by whole path, "person.name.nick" or, with a contract, "contract.type" | "contract.start" | "contract.end" |
// "contract.department.code". Not visible when it is unknown.
Value FieldOf(const Person& person, const Contract* contract, absl::string_view path);

}  // namespace sluice::core

#endif  // SLUICE_HOST_CORE_PERSON_H_
