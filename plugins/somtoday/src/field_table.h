// The one hand-checked table of names: which attribute of ours is which field of Connect 14.10.0, and which permission
// of `veldpermissies` tells whether it may be seen (their names differ: datum_in_dienst, datumInDienst). Immutable; any
// thread.
#ifndef PLUGINS_SOMTODAY_SRC_FIELD_TABLE_H_
#define PLUGINS_SOMTODAY_SRC_FIELD_TABLE_H_

#include <string>
#include <vector>

#include "sluice/connector/description.h"

namespace sluice::somtoday {

enum class FieldKind { kText, kInteger, kDate };

struct FieldSpec {
  const char* attribute;   // Ours.
  const char* path;        // In the record: "achternaam", "stamgroep.naam".
  const char* permission;  // In veldpermissies of the entity.
  FieldKind kind;
  connector::Privacy privacy;
  bool is_needed;  // The package's mapping uses it: Test speaks up when it may not be seen.
};

const std::vector<FieldSpec>& LeerlingFields();
const std::vector<FieldSpec>& PlaatsingFields();
const std::vector<FieldSpec>& MedewerkerFields();
const std::vector<FieldSpec>& DienstverbandFields();
const std::vector<FieldSpec>& LesgroepFields();

}  // namespace sluice::somtoday

#endif  // PLUGINS_SOMTODAY_SRC_FIELD_TABLE_H_
