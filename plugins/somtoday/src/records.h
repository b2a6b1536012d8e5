// From a record of Connect to records of ours. Pure functions.
//
// A field that is there has its value; one that is not there is EMPTY when `veldpermissies` says that it may be seen,
// and NOT VISIBLE in every other case. Types are taken as they come: a number as text, a text as a number.
#ifndef PLUGINS_SOMTODAY_SRC_RECORDS_H_
#define PLUGINS_SOMTODAY_SRC_RECORDS_H_

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/civil_time.h"
#include "plugins/somtoday/src/field_table.h"
#include "plugins/somtoday/src/session.h"
#include "sluice/connector/record.h"
#include "sluice/connector/value.h"

namespace sluice::somtoday {

// 1 August to 31 July.
struct SchoolYear {
  int first = 0;  // The calendar year in which it starts.

  static SchoolYear Of(absl::CivilDay day);
  SchoolYear Next() const { return SchoolYear{first + 1}; }
  absl::CivilDay Start() const { return absl::CivilDay(first, 8, 1); }
  absl::CivilDay End() const { return absl::CivilDay(first + 1, 7, 31); }
  std::string Name() const;  // "2026/2027".
};

// Whether veldpermissies lets a field be seen; nothing: it does not say.
std::optional<bool> May(const Json& permissions, const char* permission);

connector::Value ValueOf(const Json& record, const FieldSpec& field, const Json& permissions);

// The text at a key; empty if there is none.
std::string TextAt(const Json& record, const char* key);

// Sets the attributes of a table that `wants` names.
using Wants = std::function<bool(const char* attribute)>;
void SetFields(connector::Record& record, const Json& json, const std::vector<FieldSpec>& fields,
               const Json& permissions, const Wants& wants);

// Sets vestiging, vestiging_naam, vestiging_code.
void SetVestiging(connector::Record& record, const Vestiging& vestiging);

connector::Record LeerlingRecord(const Json& json, const Json& permissions, const Wants& wants);
connector::Record PlaatsingRecord(const Json& json, const Json& permissions, const std::string& leerling,
                                  const Vestiging& vestiging, const Wants& wants);
connector::Record MedewerkerRecord(const Json& json, const Json& permissions, const Wants& wants);
// A start that is not there is the first day of `school_year`.
connector::Record DienstverbandRecord(const Json& json, const Json& permissions, const Vestiging& vestiging,
                                      SchoolYear school_year, const Wants& wants);
// `member_class`: leerling or medewerker.
connector::Record LesgroepLidRecord(const Json& lesgroep, const Json& permissions, const char* member_class,
                                    const std::string& member, const Vestiging& vestiging, SchoolYear school_year,
                                    const Wants& wants);

}  // namespace sluice::somtoday

#endif  // PLUGINS_SOMTODAY_SRC_RECORDS_H_
