#include "tests/integration/small_school.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace sluice::integration {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::string Environment(const char* name) {
  const char* value = getenv(name);
  return value == nullptr ? "" : value;
}

// ROOT is the school's folder.
const std::map<std::string, std::string>& Folder() {
  static const auto* const kFolder =
      new std::map<std::string, std::string>{{"sluice.yaml", R"(name: Kleine School
time_zone: Europe/Amsterdam
keys: { secrets: "file:ROOT/keys/secrets", seal: "file:ROOT/keys/seal" }
)"},
                                             {"systems/hr.yaml", R"(connector: test.bad@1
kind: source
settings: { state: "ROOT/hr.json", control: "ROOT/hr.faults", people: PEOPLE }
thresholds: { people_added: { count: 9999 }, people_removed: { count: 1 }, people_changed: { count: 9999 }, held_back: { count: 1 } }
)"},
                                             {"systems/dir.yaml", R"(connector: test.bad@1
kind: target
settings: { state: "ROOT/dir.json", control: "ROOT/dir.faults" }
correlate: { number: "{person.external_id}" }
account:
  login: { write: on_create, candidates: ["p{person.external_id}", "q{person.external_id}"] }
  number: "{person.external_id}"
  display_name: "{person.name.display}"
  initial_password: generate
resources:
  class:
    each: contract.department
    class: group
    name: "{contract.department.code | ascii | compact}"
    keep_unused: 365d
retire: { keep: 90d, then: delete }
thresholds:
  create: { count: 9999 }
  update: { count: 9999 }
  enable: { count: 9999 }
  disable: { count: 1 }
  grant: { count: 9999 }
  revoke: { count: 1 }
  create_resource: { count: 9999 }
  retire: { count: 1 }
  delete: { count: 1 }
)"},
                                             {"rules/all.yaml", R"(- rule: Everybody
  when: { some_contract: { type: placement } }
  grants: [dir/account, dir/access, dir/class]
)"}};
  return *kFolder;
}

std::string Replaced(std::string text, const std::string& from, const std::string& to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

std::string MakeRoot() {
  std::string name = absl::StrCat(access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", "/sluice-small-XXXXXX");
  if (mkdtemp(name.data()) == nullptr) std::abort();
  return name;
}

// The first column of each row, read beside the host.
std::set<std::string> Column(const std::string& file, const std::string& sql) {
  std::set<std::string> values;
  sqlite3* database = nullptr;
  sqlite3_open_v2(file.c_str(), &database, SQLITE_OPEN_READONLY, nullptr);
  sqlite3_stmt* statement = nullptr;
  EXPECT_EQ(sqlite3_prepare_v2(database, sql.c_str(), -1, &statement, nullptr), SQLITE_OK) << sqlite3_errmsg(database);
  while (sqlite3_step(statement) == SQLITE_ROW)
    values.insert(reinterpret_cast<const char*>(sqlite3_column_text(statement, 0)));
  sqlite3_finalize(statement);
  sqlite3_close(database);
  return values;
}

}  // namespace

SmallSchool::SmallSchool(const SmallSchoolOptions& options) : options_(options), root_(MakeRoot()) {
  SetTime("2026-11-24T03:30:00+01:00");
  WriteFolder();
  HostPlace place;
  place.folder = root_ + "/folder";
  place.socket = root_ + "/host.sock";
  place.state = options.state.empty() ? root_ + "/host" : options.state;
  place.log = root_ + "/host.log";
  place.clock = root_ + "/clock";
  place.plugins = Environment("SLUICE_BINARY_DIR") + "/plugins";
  place.environment = {{"PATH", "/usr/bin:/bin"}};
  place.arguments = options.arguments;
  host_ = std::make_unique<Host>(place);
  host_->Start();
}

SmallSchool::~SmallSchool() {
  if (host_->IsRunning()) host_->Stop();
  if (::testing::Test::HasFailure()) std::cerr << "sluiced said:\n" << ReadFile(host_->place().log) << "\n";
  fs::remove_all(root_);
}

void SmallSchool::WriteFolder() {
  for (const auto& [name, text] : Folder()) {
    const std::string path = absl::StrCat(root_, "/folder/", name);
    fs::create_directories(fs::path(path).parent_path());
    WriteFile(path, Replaced(Replaced(text, "ROOT", root_), "PEOPLE", absl::StrCat(options_.people)));
  }
  fs::create_directory(root_ + "/keys");
  fs::permissions(root_ + "/keys", fs::perms::owner_all);
  Json directory = {{"next", 1}, {"accounts", Json::object()}};
  for (int i = 1; i <= options_.with_account; ++i) {
    directory["accounts"][absl::StrCat("old-", i)] = {
        {"login", absl::StrCat("old", i)}, {"number", absl::StrCat(1000 + i)}, {"enabled", false}};
  }
  WriteFile(root_ + "/dir.json", directory.dump());
}

std::unique_ptr<Host> SmallSchool::AnotherHost(const std::string& name) const {
  HostPlace place = host_->place();
  place.socket = absl::StrCat(root_, "/", name, ".sock");
  place.log = absl::StrCat(root_, "/", name, ".log");
  return std::make_unique<Host>(place);
}

void SmallSchool::SetTime(const std::string& time) { WriteFile(root_ + "/clock", time + "\n"); }

void SmallSchool::Faults(const std::string& system, const std::string& lines) {
  WriteFile(absl::StrCat(root_, "/", system, ".faults"), lines + "\n");
}

Json SmallSchool::Must(const std::vector<std::string>& arguments) {
  Answer answer = Sluice(arguments);
  EXPECT_EQ(answer.code, 0) << "sluice " << absl::StrJoin(arguments, " ") << ": " << answer.err
                            << (answer.json.is_object() ? answer.json.value("summary", "") : "");
  return answer.json.is_null() ? Json::object() : answer.json;
}

void SmallSchool::Finish() {
  Must({"import"});
  Must({"system", "activate", "dir", "--reason", "in use"});
  Must({"enforce"});
  const Json plan = Must({"plan"});
  EXPECT_THAT(plan["operations"], IsEmpty()) << Describe(plan);
}

Json SmallSchool::Directory() const { return Json::parse(ReadFile(root_ + "/dir.json")); }

std::vector<std::string> SmallSchool::Calls() const {
  return absl::StrSplit(ReadFile(root_ + "/dir.json.calls"), '\n', absl::SkipEmpty());
}

void SmallSchool::ExpectAllIsRight() {
  ExpectTheDirectoryIsRight();
  ExpectTheCallsAreRight();
  ExpectTheRunsAreRight();
  const std::string exported = root_ + "/audit.jsonl";
  EXPECT_EQ(Sluice({"audit", "export", exported}).code, 0);
  EXPECT_EQ(
      system(
          absl::StrCat(Environment("SLUICE_BINARY_DIR"), "/bin/sluice-audit-verify ", exported, " >/dev/null").c_str()),
      0)
      << "the audit log does not verify";
}

void SmallSchool::ExpectTheDirectoryIsRight() {
  const Json directory = Directory();
  std::map<std::string, std::vector<std::string>> groups;  // Account -> names of groups.
  for (const Json& member : directory["members"]) {
    groups[member[0]].push_back(directory["groups"][member[1].get<std::string>()]["name"]);
  }
  std::set<std::string> numbers;
  for (const auto& [id, account] : directory["accounts"].items()) {
    const std::string number = account["number"];
    EXPECT_TRUE(numbers.insert(number).second) << number << " has two accounts";
    EXPECT_EQ(account["enabled"], true) << number;
    EXPECT_EQ(account["display_name"], absl::StrCat("Person ", std::stoi(number) - 1000));
    EXPECT_THAT(groups[id], ElementsAre(absl::StrCat("class", (std::stoi(number) - 1000) % 4 + 1))) << number;
    const bool was_there = absl::StartsWith(id, "old-");
    const Answer handed = Sluice({"credential", "print", number, "--reason", "first day"});
    if (was_there) {
      EXPECT_FALSE(account.contains("initial_password")) << number;
      continue;
    }
    ASSERT_EQ(handed.code, 0) << number << ": " << handed.err;
    EXPECT_EQ(handed.json["credentials"][0]["secret"], account["initial_password"]) << number;
    EXPECT_EQ(account["login"], "p" + number);
  }
  EXPECT_EQ(numbers.size(), static_cast<size_t>(options_.people));
  EXPECT_EQ(directory["groups"].size(), static_cast<size_t>(std::min(options_.people, 4)));
}

// A call that sets a password that reading cannot find is sent again, and is the same each time.
void SmallSchool::ExpectTheCallsAreRight() {
  const std::set<std::string> stored = Column(state_file(), "SELECT id FROM operations");
  std::map<std::string, bool> is_open;  // Sent, and not asked about since.
  std::map<std::string, int> attempts;
  for (const std::string& call : Calls()) {
    const std::vector<std::string> words = absl::StrSplit(call, ' ');
    if (words[0] == "import") continue;
    const std::string& id = words.at(1);
    if (words[0] == "verify") {
      is_open[id] = false;
      continue;
    }
    if (words.at(3) == "SET_CREDENTIAL") continue;
    EXPECT_TRUE(stored.contains(id)) << "not stored: " << call;
    EXPECT_FALSE(is_open[id]) << "sent again without being verified: " << call;
    EXPECT_GT(std::stoi(words[2]), attempts[id]) << "the same attempt: " << call;
    attempts[id] = std::stoi(words[2]);
    is_open[id] = true;
  }
  std::map<std::string, int> applied;
  const Json directory = Directory();
  for (const Json& line : directory["log"]) {
    if (line["action"] != "SET_CREDENTIAL" && line["outcome"] == 1) ++applied[line["operation"]];
  }
  for (const auto& [id, times] : applied) EXPECT_EQ(times, 1) << "done twice: " << id;
}

void SmallSchool::ExpectTheRunsAreRight() {
  const Json list = Must({"run", "list", "--limit", "1000"});
  for (const Json& run : list["runs"]) EXPECT_NE(run["state"], "running") << run.dump();
}

}  // namespace sluice::integration
