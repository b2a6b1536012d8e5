// Faults of a bad source, drawn from a seed: lists that are half, empty, shuffled, doubled, full of holes or last
// year's; answers that are broken off, HTML, slow or refused; consents and rights that are withdrawn and given back.
//
// Belongs to one test and its School. Every fault says how it is known to have happened; one that did not is a failure
// of the test that scripted it.
#ifndef SLUICE_TESTS_INTEGRATION_BAD_WEATHER_H_
#define SLUICE_TESTS_INTEGRATION_BAD_WEATHER_H_

#include <set>
#include <string>
#include <vector>

#include "tests/integration/changing_board.h"
#include "tests/integration/school.h"

namespace sluice::integration {

class BadWeather {
 public:
  BadWeather(School& school, uint64_t seed);

  // Draws the faults of a day; takes back what is over. One line each, for messages; none on a quiet day.
  std::vector<std::string> Begin(int number);
  // After the import: which of today's faults never happened.
  std::vector<std::string> NeverHappened();
  // Whether a consent, a list or a field is withheld today.
  bool IsAnythingWithheld() const { return !withheld_.empty(); }
  // No fault from now on.
  void End();

 private:
  struct Withheld {
    std::string what;  // "grants" or "rights"
    Json give_back;
    int until = 0;      // The day on which it is given back.
    std::string place;  // Which list of which vestiging, or all of one.
  };
  // A line of the twin's request log that shows that something happened.
  struct Evidence {
    std::string line, request;  // RE2
    int status = 0;
  };

  void Fault(const std::string& route, const std::string& kind, Json more = Json::object());
  void Withhold(const std::string& what, const Json& place, const Json& taken, const Json& given, int days,
                const std::string& name);
  void WholeRun();
  void AllConsents();
  void OneConsent();
  void OneEndpoint();
  void OneField();
  void OneList();
  void Healing();
  // "uuid/leerling" of a list that nothing is wrong with yet; "" when there is none.
  std::string FreeList();
  bool IsTaken(const std::string& place) const;

  School& school_;
  Dice dice_;
  int number_ = 0;
  std::vector<std::string> vestigingen_;
  std::vector<Withheld> withheld_;
  std::set<std::string> taken_;  // Places with a fault of today.
  std::vector<Evidence> evidence_;
  std::vector<std::string> lines_;
};

}  // namespace sluice::integration

#endif  // SLUICE_TESTS_INTEGRATION_BAD_WEATHER_H_
