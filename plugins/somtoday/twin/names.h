// Names as a Dutch school has them, made from a seed, and the difficult ones that tests ask for by hand.
// Immutable tables; any thread.
#ifndef PLUGINS_SOMTODAY_TWIN_NAMES_H_
#define PLUGINS_SOMTODAY_TWIN_NAMES_H_

#include <cstdint>
#include <string>
#include <vector>

namespace sluice::somtoday_twin {

struct PersonName {
  std::string roepnaam, voorletters, voorvoegsel, achternaam;
  bool prefix_is_empty_text = false;
  bool woman = false;
};

// Given to the first pupils, in this order.
const std::vector<PersonName>& DifficultPupilNames();
// Given to the first members of staff, in this order.
const std::vector<PersonName>& DifficultStaffNames();

PersonName MakeName(uint64_t random);

// ASCII letters and digits of a name in lower case, for mail addresses.
std::string MailPart(const std::string& name);

}  // namespace sluice::somtoday_twin

#endif  // PLUGINS_SOMTODAY_TWIN_NAMES_H_
