// What a school has granted to the client: vestigingen, endpoints of a vestiging, fields of an entity in a vestiging.
//
// Names are those of the vendor's permission objects (datumInDienst), not of the fields (datum_in_dienst).
// The owner (the server) guards it with the mutex of the school.
#ifndef PLUGINS_SOMTODAY_TWIN_RIGHTS_H_
#define PLUGINS_SOMTODAY_TWIN_RIGHTS_H_

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "plugins/somtoday/twin/calendar.h"
#include "plugins/somtoday/twin/school.h"

namespace sluice::somtoday_twin {

// The permissions of an entity: leerling, plaatsing, medewerker, lesgroep, stamgroep, vak, opleiding, vestiging.
const std::vector<std::string>& PermissionsOf(std::string_view entity);

class Rights {
 public:
  // All vestigingen and fields, without BSN, bank details and vakkeuzes; the third vestiging shows no service dates.
  explicit Rights(const School& school);

  // Whether a field may be seen.
  bool Sees(int vestiging, std::string_view entity, std::string_view permission) const;
  void SetField(int vestiging, const std::string& entity, const std::string& permission, bool granted);

  // 200, or the status with which an endpoint of a vestiging is refused (403 or 404).
  int EndpointStatus(int vestiging, std::string_view endpoint) const;
  void SetEndpoint(int vestiging, const std::string& endpoint, int status);

  // A vestiging that is not granted, or whose grant ends before `first_needed`, is refused with 401.
  bool Grants(int vestiging, Day first_needed) const;
  // `listed` says whether /connect/vestiging still names a vestiging that is not granted.
  void SetVestiging(int vestiging, bool granted, bool listed = true, Day until = kForever);
  bool Listed(int vestiging) const { return !unlisted_.contains(vestiging); }

 private:
  std::set<std::string> hidden_;                     // "0/leerling/BSN"
  std::map<std::string, int, std::less<>> refused_;  // "0/lesgroep" -> 403
  std::map<int, Day> granted_until_;
  std::set<int> unlisted_;
};

}  // namespace sluice::somtoday_twin

#endif  // PLUGINS_SOMTODAY_TWIN_RIGHTS_H_
