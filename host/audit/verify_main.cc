// sluice-audit-verify FILE: checks an exported audit log, on any machine, without the host.
//
// One line on standard output: what was found unbroken, what somebody accepted, or the first thing that is broken. Exit
// code 0: unbroken, or damaged and accepted; 1: broken; 2: it could not be asked (usage, a file that cannot be read).
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <set>
#include <sstream>
#include <string>

#include "host/audit/verify.h"

namespace {

constexpr char kUsage[] =
    "usage: sluice-audit-verify FILE [--public-key PEM-FILE]... [--seals COPY]\n"
    "                           [--head HASH] [--at-least ROW]\n"
    "  FILE          what `sluice audit export` wrote; - is standard input\n"
    "  --public-key  the seals must be by this key (more than one: by one of these)\n"
    "  --seals       a copy of the seals that was kept elsewhere: the log must fit each\n"
    "  --head        a hash that was noted elsewhere, or its first 8 digits or more: the log must hold that row\n"
    "  --at-least    the log must reach this row\n";

int Misused(const std::string& what) {
  std::cerr << "sluice-audit-verify: " << what << "\n" << kUsage;
  return 2;
}

bool ReadFile(const std::string& path, std::string& contents) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  if (!file || !(text << file.rdbuf())) return false;
  contents = text.str();
  return true;
}

// Empty: understood.
std::string TakeOption(const std::string& name, const std::string& value, sluice_audit_verify::Options& options) {
  if (name == "--public-key") {
    std::string pem;
    if (!ReadFile(value, pem)) return value + " cannot be read";
    const std::string key = sluice_audit_verify::PublicKeyFromPem(pem);
    if (key.empty()) return value + " holds no Ed25519 public key in PEM";
    options.public_keys.push_back(key);
    return "";
  }
  if (name == "--seals") return ReadFile(value, options.copy_of_seals) ? "" : value + " cannot be read";
  if (name == "--head") {
    if (value.size() < 8 || value.size() > 64 || value.find_first_not_of("0123456789abcdef") != std::string::npos) {
      return "--head wants 8 to 64 hexadecimal digits, not \"" + value + "\"";
    }
    options.head = value;
    return "";
  }
  if (name == "--at-least") {
    if (value.empty() || value.size() > 15 || value.find_first_not_of("0123456789") != std::string::npos) {
      return "--at-least wants the number of a row, not \"" + value + "\"";
    }
    options.at_least = std::stoll(value);
    return "";
  }
  return "unknown option " + name;
}

int Run(int argc, char** argv) {
  sluice_audit_verify::Options options;
  std::string path;
  for (int at = 1; at < argc; ++at) {
    const std::string word = argv[at];
    if (word == "--help") {
      std::cout << kUsage;
      return 0;
    }
    if (word.size() > 1 && word[0] == '-') {
      static const std::set<std::string> kOptions = {"--public-key", "--seals", "--head", "--at-least"};
      if (!kOptions.contains(word)) return Misused("unknown option " + word);
      if (at + 1 == argc) return Misused(word + " wants a value");
      const std::string wrong = TakeOption(word, argv[++at], options);
      if (!wrong.empty()) return Misused(wrong);
    } else if (path.empty()) {
      path = word;
    } else {
      return Misused("one file at a time, not " + path + " and " + word);
    }
  }
  if (path.empty()) return Misused("no file");
  std::ifstream file;
  if (path != "-") {
    file.open(path, std::ios::binary);
    if (!file || std::filesystem::is_directory(path)) return Misused(path + " cannot be read");
  }
  const sluice_audit_verify::Verdict verdict = sluice_audit_verify::Verify(path == "-" ? std::cin : file, options);
  std::cout << verdict.line << std::endl;
  return verdict.is_unbroken ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return Run(argc, argv);
  } catch (const std::exception& error) {
    return Misused(error.what());
  }
}
