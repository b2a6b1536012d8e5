// From raw records to persons and contracts.
//
// Pure: the same raw records give the same bytes, in whatever order they came. Records of one object that several
// scopes have are one object: what is visible in one of them is visible. Every text is normalised (text.h). A reason
// holds ids and field names only.
#ifndef SLUICE_HOST_CORE_MAPPING_H_
#define SLUICE_HOST_CORE_MAPPING_H_

#include <map>
#include <string>
#include <vector>

#include "absl/time/civil_time.h"
#include "host/core/configuration.h"
#include "host/core/person.h"
#include "host/core/raw_records.h"

namespace sluice::core {

struct MappingOptions {
  absl::CivilDay as_of;
  // By class of contract record: the attribute that refers to the person, from the connector's schema; what the mapping
  // names as `owner` wins.
  std::map<std::string, std::string> owner_attributes;
  // Who had which external id in the parent snapshot (ExternalIdHolders): of two persons with one, the holder keeps it.
  std::map<std::string, std::string> external_id_holders;
};

// A person or a record that is not processed further, and why.
struct HeldBackRecord {
  std::string person_id;  // Empty: its person is not known.
  RecordKey record;
  std::string reason;
};

struct MappingResult {
  std::vector<Person> persons;            // By id; held back and vanished ones included.
  std::vector<HeldBackRecord> held_back;  // By person, then record.
  int64_t dangling_contracts = 0;         // Contract records of a person that no record is about: left out.
};

// How `system`, a source, sees its raw records.
//
// A person needs a display name: name.display as mapped, else the nick name (or the given one, or the initials) and
// name.family_all; that one as mapped, else by name.convention: B own name, P partner's, BP and PB both with a hyphen;
// B when there is none. A contract needs a start: one that is empty leaves the contract out and
// says so (Person::kLeftOut), and holds the person back where no other contract of that type has one; one that is not
// visible holds the person back, for nothing may end because we see less. Of two persons with one external_id the
// later one is held back.
//
// In a template "leerling.roepnaam" is the attribute of the record ("plaatsing.stamgroep.naam" looks into a map);
// "leerling.id", ".name" and ".scope" are the record's own where no attribute has that name; "person.name.nick" and
// "contract.start" are fields of the same person or contract. Anything else is not visible.
MappingResult MapPersons(const std::string& system_name, const SystemSpec& system, const RawSet& records,
                         const MappingOptions& options);

}  // namespace sluice::core

#endif  // SLUICE_HOST_CORE_MAPPING_H_
