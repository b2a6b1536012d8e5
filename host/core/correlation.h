// Finding the account that a person already has in a target, from what the target said when it was last read.
//
// Pure. An index outlives neither its system nor what was observed. Nobody wins by being first: what two persons could
// claim is given to neither. Keys are compared as text without regard to case, composition and blanks around them; an
// empty, blank or invisible key is no key and matches nothing.
#ifndef SLUICE_HOST_CORE_CORRELATION_H_
#define SLUICE_HOST_CORE_CORRELATION_H_

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "host/core/configuration.h"
#include "host/core/planner.h"
#include "host/core/state.h"

namespace sluice::core {

class ObservedIndex {
 public:
  ObservedIndex(const SystemSpec& system, const TargetSchema& schema, const Observed& observed);

  const Record* Find(const std::string& object_class, const std::string& id) const;
  const std::vector<const Record*>& Matching(const std::string& key) const;
  // Objects of a class that people call `label`.
  std::vector<const Record*> Labelled(const std::string& object_class, const std::string& label) const;
  // Whether `account` holds the permission, and who does.
  bool IsMember(const std::string& permission_class, const std::string& permission, const std::string& account) const;
  const std::set<std::string>& Members(const std::string& permission_class, const std::string& permission) const;
  // Ids of the objects, of any class, that have this name in a domain of uniqueness.
  const std::set<std::string>& Holders(const std::string& domain, const std::string& name) const;
  // Every account, by id.
  std::vector<const Record*> Accounts() const;

 private:
  void IndexCorrelation(const Record& account);
  void IndexRelations(const TargetSchema& schema, const Record& record);

  const SystemSpec& system_;
  std::map<std::pair<std::string, std::string>, const Record*> by_id_;                  // Class, id.
  std::map<std::string, std::vector<const Record*>> by_key_;                            // Accounts, by correlation key.
  std::map<std::pair<std::string, std::string>, std::vector<const Record*>> by_label_;  // Class, folded label.
  std::map<std::pair<std::string, std::string>, std::set<std::string>> members_;  // Permission class, id -> subjects.
  std::map<std::pair<std::string, std::string>, std::set<std::string>> names_;    // Domain, normalised name -> ids.
};

// The key of a person's or an account's correlation values; empty: no key.
std::string CorrelationKey(const std::vector<std::pair<std::string, Value>>& values);
// The same where a value is a list: one key for each of its items, sorted.
std::set<std::string> CorrelationKeys(const std::vector<std::pair<std::string, Value>>& values);
// For people: "employeeID 104233".
std::string CorrelationText(const std::vector<std::pair<std::string, Value>>& values);

// What one person asks for.
struct Claim {
  std::string person_id;
  std::string key;      // Empty: no key.
  std::string link;     // Id of the account that somebody linked by hand; empty: none.
  std::string account;  // Id of the account that it holds; empty: none.
};
struct Match {
  CorrelationReport::Row::Result result = CorrelationReport::Row::Result::kNone;
  std::vector<const Record*> accounts;
  std::string problem;  // Why the person is held back; empty: it is not.
};
// Accounts that are held, whoever claims.
struct HeldAccounts {
  std::map<std::string, std::string> holders;               // Account id -> person.
  std::map<std::string, std::set<std::string>> by_new_key;  // Key that was written and not shown yet -> account ids.
};
// One for each claim.
std::vector<Match> MatchAccounts(const ObservedIndex& index, const SystemSpec& system, const std::vector<Claim>& claims,
                                 const HeldAccounts& held);
// "employeeID, mail": what accounts are found by.
std::string CorrelationAttributes(const SystemSpec& system);

}  // namespace sluice::core

#endif  // SLUICE_HOST_CORE_CORRELATION_H_
