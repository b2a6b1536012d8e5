#include <sluice/connector/serve.h>
#include <sluice/connector/target.h>
#include <stdio.h>

#include <fstream>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/mutex.h"

namespace {

using namespace sluice::connector;

// Keeps accounts in a text file, one "id TAB login TAB name TAB enabled" a line: a system that shows what a target has
// to do.
class AccountsFile final : public Target {
 public:
  static Description Describe() {
    return Description("acme.accounts", "1.0.0")
        .With(Setting::Text("path").Label("File with accounts").Required())
        .With(
            ObjectClass::Account("account")
                .With(Attribute::Text("login").Writable().Required().UniqueIn("login").CaseInsensitive().MaxLength(20))
                .With(Attribute::Text("name").Writable().Is(Privacy::kSensitive))
                .With(Attribute::Flag("enabled"))
                .Can({Action::kCreate, Action::kUpdate, Action::kEnable, Action::kDisable, Action::kDelete})
                .Written(Writing()));
  }

  absl::Status Import(const ImportRequest&, RecordWriter& out) override {
    for (const Account& account : Load()) {
      if (auto status = out.Add(ToRecord(account)); !status.ok()) return status;
    }
    return out.Complete();  // Without this the host refuses the whole import.
  }

  absl::Status Read(const ReadRequest& request, FoundWriter& out) override {
    const std::vector<Account> accounts = Load();
    for (size_t i = 0; i < request.keys.size(); ++i) {
      for (const Account& account : accounts) {
        if (!Fits(account, request.keys[i])) continue;
        if (auto status = out.Found(i, ToRecord(account)); !status.ok()) return status;
      }
    }
    return absl::OkStatus();
  }

  Result Apply(const Operation& operation) override {
    if (operation.object_class != "account")
      return Result::Failed(Error(Reason::kUnsupported, "ACC-007", "there are accounts, and nothing else"));
    absl::MutexLock lock(&mutex_);
    std::vector<Account> accounts = Load();
    if (operation.action == Action::kCreate) return Create(operation, std::move(accounts));
    size_t at = 0;
    while (at < accounts.size() && accounts[at].id != operation.object_id) ++at;
    if (at == accounts.size()) {  // To delete what is gone is no error; anything else is.
      if (operation.action == Action::kDelete) return Result::NoChange(operation.object_id);
      return Result::Failed(Error(Reason::kNotFound, "ACC-001", "the account is not there"));
    }
    if (operation.action == Action::kDelete) {
      accounts.erase(accounts.begin() + static_cast<std::ptrdiff_t>(at));
      return Saved(accounts, Result::Applied(operation.object_id));
    }
    return Change(operation, std::move(accounts), at);
  }

 private:
  struct Account {
    std::string id, login, name;
    bool enabled = false;
  };

  static Record ToRecord(const Account& account) {
    Record record("account", account.id);
    record.Name(account.login).Set("login", account.login).Set("enabled", account.enabled);
    account.name.empty() ? record.SetEmpty("name") : record.Set("name", account.name);
    return record;
  }

  // By id, or by all of what it looks like.
  static bool Fits(const Account& account, const Key& key) {
    if (!key.object_id.empty()) return account.id == key.object_id;
    for (const Match& match : key.match) {
      if (match.value.text() == nullptr) return false;
      const bool fits = match.attribute == "login" ? absl::EqualsIgnoreCase(account.login, *match.value.text())
                                                   : match.attribute == "name" && account.name == *match.value.text();
      if (!fits) return false;
    }
    return !key.match.empty();
  }

  // Empty: nobody has it.
  static const Account* HolderOf(const std::vector<Account>& accounts, const std::string& login,
                                 const std::string& self) {
    for (const Account& account : accounts) {
      if (account.id != self && absl::EqualsIgnoreCase(account.login, login)) return &account;
    }
    return nullptr;
  }

  static Result Taken(const Account& holder, const Delta& login) {
    return Result::Failed(Error(Reason::kAlreadyExists, "ACC-002", "the login is taken")
                              .TakenBy("login", login.value, Reference{"account", holder.id}, holder.login));
  }

  Result Create(const Operation& operation, std::vector<Account> accounts) {
    std::vector<std::string> hits;
    for (const Account& account : accounts) {
      if (Fits(account, Key{"", operation.correlate})) hits.push_back(account.id);
    }
    if (hits.size() == 1) return Result::NoChange(hits[0]);
    if (hits.size() > 1) {
      Error several(Reason::kAmbiguous, "ACC-003", "several accounts fit");
      for (const std::string& id : hits) several.Candidate("account", id);
      return Result::Failed(several);
    }
    const Delta* login = operation.Find("login");
    if (login == nullptr || login->value.text() == nullptr)
      return Result::Failed(Error(Reason::kInvalid, "ACC-004", "an account needs a login"));
    if (const Account* holder = HolderOf(accounts, *login->value.text(), "")) return Taken(*holder, *login);
    accounts.push_back(Account{absl::StrCat(std::random_device()(), "-", std::random_device()()), "", "", false});
    return Change(operation, std::move(accounts), accounts.size() - 1);
  }

  // Sets what differs, and says what it was.
  Result Change(const Operation& operation, std::vector<Account> accounts, size_t at) {
    Account& account = accounts[at];
    Result result = Result::NoChange(account.id);
    for (const Delta& delta : operation.deltas) {
      std::string* field = delta.attribute == "login"  ? &account.login
                           : delta.attribute == "name" ? &account.name
                                                       : nullptr;
      const std::string value = delta.value.text() != nullptr ? *delta.value.text() : "";
      if (field == nullptr || value.find_first_of("\t\n") != std::string::npos)
        return Result::Failed(
            Error(Reason::kInvalid, "ACC-005", "an account has a login and a name, of one line each"));
      if (*field == value) continue;
      const Account* holder = delta.attribute == "login" ? HolderOf(accounts, value, account.id) : nullptr;
      if (holder != nullptr) return Taken(*holder, delta);
      result.outcome = Outcome::kApplied;
      result.Changed(delta.attribute, field->empty() ? Value::Empty() : Value(*field), Value(value));
      *field = value;
    }
    const bool enabled =
        operation.action == Action::kEnable || (operation.action != Action::kDisable && account.enabled);
    if (enabled != account.enabled) {
      result.outcome = Outcome::kApplied;
      result.Changed("enabled", Value(account.enabled), Value(enabled));
      account.enabled = enabled;
    }
    result.Named(account.login);
    return result.outcome == Outcome::kApplied ? Saved(accounts, result) : result;
  }

  std::vector<Account> Load() const {
    std::vector<Account> accounts;
    std::ifstream in(system().settings.Text("path"));
    for (std::string line; std::getline(in, line);) {
      const std::vector<std::string> fields = absl::StrSplit(line, '\t');
      if (fields.size() == 4) accounts.push_back(Account{fields[0], fields[1], fields[2], fields[3] == "yes"});
    }
    return accounts;
  }

  // All of it beside the old one, then in its place: who is killed in between leaves the old one.
  Result Saved(const std::vector<Account>& accounts, Result result) const {
    const std::string path = system().settings.Text("path");
    {
      std::ofstream out(path + ".next");
      for (const Account& a : accounts)
        out << a.id << '\t' << a.login << '\t' << a.name << '\t' << (a.enabled ? "yes" : "no") << '\n';
      if (!out.flush()) return Result::Failed(Error(Reason::kUnavailable, "ACC-006", "the file cannot be written"));
    }
    if (rename((path + ".next").c_str(), path.c_str()) != 0)
      return Result::Failed(Error(Reason::kUnavailable, "ACC-006", "the file cannot be written"));
    return result;
  }

  absl::Mutex mutex_;
};

}  // namespace

int main(int argc, char** argv) { return Serve<AccountsFile>(argc, argv); }
