// A board on which people come and go: day after day some pupils and staff arrive, leave, come back, move, marry and
// change their class or role, drawn from a seed; and what the twin then says is true.
//
// Belongs to one test and its School. The same seed gives the same days. Nobody who was renamed, or arrived, leaves
// again, and nobody who arrived is renamed: what a host could not see of such a person in between could not be told
// from its final state.
#ifndef SLUICE_TESTS_INTEGRATION_CHANGING_BOARD_H_
#define SLUICE_TESTS_INTEGRATION_CHANGING_BOARD_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/time/civil_time.h"
#include "tests/integration/school.h"

namespace sluice::integration {

// Numbers from a seed, the same everywhere.
class Dice {
 public:
  explicit Dice(uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15u + 1) {}
  // 0 ... sides - 1
  int Roll(int sides);
  bool Chance(int percent) { return Roll(100) < percent; }
  template <typename T>
  const T& Of(const std::vector<T>& list) {
    return list[static_cast<size_t>(Roll(static_cast<int>(list.size())))];
  }

 private:
  uint64_t state_;
};

class ChangingBoard {
 public:
  ChangingBoard(School& school, uint64_t seed) : school_(school), dice_(seed) {}

  // Plays one to four events of `day`. Removals are made, and taken back, only in the first `days_of_removals` days.
  // One line each, for messages.
  std::vector<std::string> Play(absl::CivilDay day, int number, int days_of_removals = 10);

 private:
  struct Pupil {
    std::string number, uuid, vestiging, stamgroep;
    absl::CivilDay start;
  };
  struct Staff {
    std::string number, uuid;
    std::set<std::string> vestigingen;
    bool leaves = false;
  };
  void Look();
  Json Draw();
  Json DrawOfPupil();
  Json DrawOfStaff();
  Json DrawReturn();
  Pupil* AnyPupil();
  Staff* AnyStaff();
  std::string Stamgroep(const std::string& vestiging, const std::string& other_than);

  School& school_;
  Dice dice_;
  absl::CivilDay day_;
  int number_ = 0, days_of_removals_ = 0;
  std::vector<std::string> vestigingen_;
  std::vector<Pupil> pupils_;  // With a placement today.
  std::vector<Staff> staff_;
  std::map<std::string, std::set<std::string>> stamgroepen_;  // In use, by vestiging.
  std::set<std::string> originals_, renamed_, touched_;       // By uuid; touched: today.
  std::map<std::string, absl::CivilDay> left_;                // By uuid: the last day.
  std::map<std::string, int> removed_;                        // By uuid: on which day.
};

}  // namespace sluice::integration

#endif  // SLUICE_TESTS_INTEGRATION_CHANGING_BOARD_H_
