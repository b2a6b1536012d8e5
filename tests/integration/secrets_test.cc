// Promise: secrets appear nowhere but in the call that hands them over. The whole product runs with secrets that are
// known here, through its good days and its bad ones; then everything that it wrote, and what the kernel shows of its
// processes, is searched for each of them in every form in which one may hide.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "re2/re2.h"
#include "tests/integration/school.h"

namespace sluice::integration {
namespace {

namespace fs = std::filesystem;

std::string Utf16(const std::string& text) {
  std::string wide;
  for (const char c : text) wide.append({c, '\0'});
  return wide;
}

std::string PercentEncoded(const std::string& text, bool is_upper) {
  std::string out;
  for (const unsigned char c : text) {
    if (absl::ascii_isalnum(c) || c == '-' || c == '.' || c == '_' || c == '~') {
      out.push_back(static_cast<char>(c));
    } else {
      out += is_upper ? absl::StrFormat("%%%02X", c) : absl::StrFormat("%%%02x", c);
    }
  }
  return out;
}

// Within base64 of something longer, wherever it begins there: what its neighbours have no part in.
std::vector<std::string> Base64Forms(const std::string& text) {
  std::vector<std::string> forms;
  for (size_t before = 0; before < 3; ++before) {
    const std::string encoded = absl::Base64Escape(std::string(before, '.') + text);
    const size_t from = before == 0 ? 0 : before + 1;
    forms.push_back(encoded.substr(from, (before + text.size()) * 8 / 6 - from));
    forms.push_back(absl::StrReplaceAll(forms.back(), {{"+", "-"}, {"/", "_"}}));
  }
  return forms;
}

// Form -> what it is called.
std::map<std::string, std::string> FormsOf(const std::string& name, const std::string& secret) {
  std::map<std::string, std::string> forms = {
      {secret, name},
      {PercentEncoded(secret, true), name + " in an address"},
      {PercentEncoded(secret, false), name + " in an address"},
      {absl::BytesToHexString(secret), name + " in hexadecimal"},
      {absl::AsciiStrToUpper(absl::BytesToHexString(secret)), name + " in hexadecimal"},
      {std::string(secret.rbegin(), secret.rend()), name + " backwards"},
      {Utf16(secret), name + " in UTF-16"},
      {absl::CEscape(secret), name + " with escapes"}};
  for (const std::string& one : Base64Forms(secret)) forms[one] = name + " in base64";
  for (const std::string& one : Base64Forms(Utf16("\"" + secret + "\"")))
    forms[one] = name + " as Active Directory takes it";
  return forms;
}

class SecretsTest : public testing::Test {
 protected:
  SecretsTest() {
    secrets_["the directory's password"] = school_.domain().bind_password();
    secrets_["Somtoday's secret"] = "somtoday-secret";
    school_.TakeIntoUse();
    for (const char* name : {"secrets", "seal"}) {
      // Of a key in PEM its middle line.
      const std::vector<std::string> lines =
          absl::StrSplit(ReadFile(school_.root() + "/keys/" + name), '\n', absl::SkipEmpty());
      secrets_[absl::StrCat("the host's key \"", name, "\"")] = lines.size() > 2 ? lines[1] : lines[0];
    }
  }

  // Looked for while it is still to be handed out, and after that.
  void HandOut(const std::string& number) {
    const Answer answer = school_.Sluice({"credential", "print", number, "--reason", "first day"});
    ASSERT_EQ(answer.code, 0) << answer.err;
    secrets_["the first password of " + number] = answer.json["credentials"][0]["secret"];
  }

  // What `sluice` answers is part of what is written.
  Answer Say(const std::vector<std::string>& command) {
    Answer answer = school_.Sluice(command);
    texts_[absl::StrCat(texts_.size(), " sluice ", absl::StrJoin(command, " "))] = answer.out + answer.err;
    return answer;
  }

  void TakeFiles(const std::string& when) {
    for (const auto& entry : fs::recursive_directory_iterator(school_.host().place().state))
      if (entry.is_regular_file()) texts_[absl::StrCat(entry.path().string(), " ", when)] = ReadFile(entry.path());
    texts_["log " + when] = ReadFile(school_.host().place().log);
    for (const auto& entry : fs::recursive_directory_iterator(school_.host().place().folder))
      if (entry.is_regular_file()) texts_[entry.path()] = ReadFile(entry.path());
  }

  std::map<std::string, int> Plugins() {
    std::map<std::string, int> pids;
    const Json list = school_.Must({"plugin", "list"});
    for (const Json& plugin : list["plugins"]) pids[plugin["name"]] = plugin["pid"];
    return pids;
  }

  // The host's own environment is the operator's: that is where a secret by env: stands.
  void TakeProcesses() {
    std::map<std::string, int> pids = Plugins();
    ASSERT_EQ(pids.size(), 2u);
    for (const auto& [name, pid] : pids) {
      ASSERT_GT(pid, 0) << name;
      texts_[name + " environ"] = ReadFile(absl::StrCat("/proc/", pid, "/environ"));
      EXPECT_FALSE(texts_[name + " environ"].empty());
    }
    pids["host"] = school_.host().pid();
    for (const auto& [name, pid] : pids) {
      const std::string place = absl::StrCat("/proc/", pid);
      texts_[name + " cmdline"] = ReadFile(place + "/cmdline");
      EXPECT_FALSE(texts_[name + " cmdline"].empty());
      EXPECT_THAT(ReadFile(place + "/limits"), testing::ContainsRegex("Max core file size +0 +0 ")) << name;
    }
  }

  void ExpectNowhere() {
    std::map<std::string, std::string> forms;
    for (const auto& [name, secret] : secrets_) {
      ASSERT_GE(secret.size(), 8u) << name;
      forms.merge(FormsOf(name, secret));
    }
    // What Somtoday gives for the secret is one as well.
    const RE2 token("som-[0-9a-f]{16}-[0-9]+");
    for (const auto& [where, text] : texts_) {
      EXPECT_FALSE(RE2::PartialMatch(text, token)) << "a token of Somtoday stands in " << where;
      for (const auto& [form, name] : forms)
        EXPECT_FALSE(absl::StrContains(text, form)) << name << " stands in " << where;
    }
  }

  School school_;
  std::map<std::string, std::string> secrets_, texts_;
};

TEST_F(SecretsTest, StandNowhereWhateverHappens) {
  TakeFiles("with every first password sealed");
  TakeProcesses();
  for (const char* number : {"103001", "103002", "D51326"}) HandOut(number);
  TakeFiles("with some handed out");

  // Bad days: a list that cannot be read, one of nonsense, a sign-in that is refused, a plugin that is killed.
  for (const Json& fault :
       std::vector<Json>{{{"route", "/leerling\\?"}, {"kind", "status"}, {"status", 500}, {"count", 1}},
                         {{"route", "/leerling\\?"}, {"kind", "html"}, {"count", 1}},
                         {{"route", "token"}, {"kind", "status"}, {"status", 401}, {"count", 1}}}) {
    school_.Twin("POST", "faults", fault);
    Say({"import"});
    school_.Twin("DELETE", "faults");
  }
  school_.SetDay("2026-11-25");
  school_.Event({{"type", "leaver"}, {"leerling", "103021"}});
  Say({"import"});
  for (const auto& [name, pid] : Plugins()) kill(pid, SIGKILL);
  Say({"import"});
  Say({"plan"});
  Say({"enforce"});
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"status"},
                                             {"plan", "--all"},
                                             {"why", "103001", "ad/account"},
                                             {"config", "check"},
                                             {"config", "diff"},
                                             {"system", "list"},
                                             {"system", "show", "ad"},
                                             {"system", "test", "ad"},
                                             {"system", "test", "somtoday"},
                                             {"person", "list"},
                                             {"person", "show", "103001", "--raw"},
                                             {"mapping", "try", "103001", "--system", "ad"},
                                             {"run", "list"},
                                             {"block", "list", "--all"},
                                             {"correlation", "report", "ad", "--all"},
                                             {"plugin", "list"},
                                             {"plugin", "show", "ad"},
                                             {"plugin", "show", "somtoday"},
                                             {"credential", "print"},
                                             {"credential", "print", "103001", "--reason", "again"},
                                             {"audit", "list", "--limit", "10000"},
                                             {"audit", "export"}}) {
    Say(command);
  }
  const Json runs = school_.Must({"run", "list"});
  for (const Json& run : runs["runs"]) Say({"run", "show", run["name"].get<std::string>().substr(5), "--all"});

  // Wrong ones: what is refused is as secret as what is right.
  secrets_["a password that is refused"] = "correct+horse/battery staple";
  WriteFile(school_.root() + "/wrong", "correct+horse/battery staple\n");
  fs::permissions(school_.root() + "/wrong", fs::perms::owner_read | fs::perms::owner_write);
  for (const auto& [file, variable] : std::vector<std::pair<std::string, std::string>>{
           {"systems/ad.yaml", "env:AD_PASSWORD"}, {"systems/somtoday.yaml", "env:SOMTODAY_CLIENT_SECRET"}}) {
    const std::string wrong = absl::StrCat("\"file:", school_.root(), "/wrong\"");
    school_.Edit({file, variable, wrong});
    EXPECT_EQ(Say({"config", "apply", "--reason", "a wrong one"}).code, 0);
    const std::string system = file == "systems/ad.yaml" ? "ad" : "somtoday";
    EXPECT_EQ(Say({"system", "test", system}).code, 1);
    EXPECT_EQ(Say({"import", system}).code, 1);
    school_.Edit({file, wrong, variable});
    EXPECT_EQ(Say({"config", "apply", "--reason", "the right one"}).code, 0);
    Say({"plugin", "show", system});
  }
  // One in the place of a reference.
  school_.Edit({"systems/ad.yaml", "env:AD_PASSWORD", "\"correct+horse/battery staple\""});
  EXPECT_EQ(Say({"config", "check"}).code, 1);
  EXPECT_EQ(Say({"config", "diff"}).code, 1);
  school_.Edit({"systems/ad.yaml", "\"correct+horse/battery staple\"", "env:AD_PASSWORD"});

  TakeFiles("at the end");
  school_.host().Stop();
  TakeFiles("after the host has ended");
  EXPECT_GT(texts_["log at the end"].size(), 1000u);
  EXPECT_GT(texts_.size(), 60u);
  ExpectNowhere();
  school_.host().Start();
}

// That the search would find one.
TEST(SecretFormsTest, EveryFormIsFound) {
  const std::string secret = "p@ss w\"rd/42";
  const auto forms = FormsOf("it", secret);
  const auto finds = [&](const std::string& text) {
    return std::any_of(forms.begin(), forms.end(),
                       [&](const auto& form) { return absl::StrContains(text, form.first); });
  };
  for (const std::string& text :
       {"x" + secret + "x", absl::StrCat("Basic ", absl::Base64Escape("client:" + secret + "!")),
        absl::WebSafeBase64Escape("id:" + secret), std::string("?secret=p%40ss%20w%22rd%2F42&"),
        std::string("?secret=p%40ss%20w%22rd%2f42&"), absl::BytesToHexString("a" + secret),
        absl::Base64Escape(Utf16("\"" + secret + "\"")), std::string("{\"a\":\"p@ss w\\\"rd/42\"}")}) {
    EXPECT_TRUE(finds(text)) << text;
  }
  EXPECT_FALSE(finds("p@ss word"));
}

}  // namespace
}  // namespace sluice::integration
