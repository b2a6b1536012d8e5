// The smallest whole school: a host, and a plugin that misbehaves on demand (tests/faults/bad_plugin) as its source and
// as its target. Its target is a file that survives every crash, and keeps what was asked of it in its order.
//
// Starts in a fraction of a second: for tests of what becomes of a host, its store and its plugins. Owns what it starts
// and the folder that all of it lives in. One test, one thread.
#ifndef SLUICE_TESTS_INTEGRATION_SMALL_SCHOOL_H_
#define SLUICE_TESTS_INTEGRATION_SMALL_SCHOOL_H_

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tests/integration/school.h"

namespace sluice::integration {

struct SmallSchoolOptions {
  int people = 6;
  // So many of them have an account already, which is not ours.
  int with_account = 2;
  std::vector<std::string> arguments = {};  // Further ones of the host.
  std::string state = {};                   // Where the host's state lives; empty: in the school's folder.
};

class SmallSchool {
 public:
  explicit SmallSchool(const SmallSchoolOptions& options = {});
  ~SmallSchool();
  SmallSchool(const SmallSchool&) = delete;
  SmallSchool& operator=(const SmallSchool&) = delete;

  Host& host() { return *host_; }
  const std::string& root() const { return root_; }
  std::string state_file() const { return host_->place().state + "/sluice.db"; }
  // Another host on the same store, systems and clock, with a socket of its own.
  std::unique_ptr<Host> AnotherHost(const std::string& name) const;
  void SetTime(const std::string& time);  // RFC 3339

  Answer Sluice(const std::vector<std::string>& arguments) { return host_->Run(arguments); }
  Json Must(const std::vector<std::string>& arguments);
  // The faults of the source ("hr") or the target ("dir") from now on: see tests/faults/bad_plugin/README.md.
  void Faults(const std::string& system, const std::string& lines);

  // Imports, approves and enforces until nothing is left to do.
  void Finish();
  // Everybody has one enabled account with the password that was sealed for it and one group; no run is left under way;
  // the audit log is whole; nothing was sent that is not stored, and nothing twice without asking whether it was done.
  void ExpectAllIsRight();

  Json Directory() const;                  // What the target holds.
  std::vector<std::string> Calls() const;  // "apply ID ATTEMPT ACTION CLASS", "verify ID ATTEMPT", in their order.
  int people() const { return options_.people; }

 private:
  void WriteFolder();
  void ExpectTheDirectoryIsRight();
  void ExpectTheCallsAreRight();
  void ExpectTheRunsAreRight();

  const SmallSchoolOptions options_;
  std::string root_;
  std::unique_ptr<Host> host_;
};

}  // namespace sluice::integration

#endif  // SLUICE_TESTS_INTEGRATION_SMALL_SCHOOL_H_
