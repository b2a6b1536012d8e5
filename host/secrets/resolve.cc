#include "host/secrets/resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "host/base/private_file.h"
#include "host/base/status.h"
#include "host/base/subprocess.h"

extern char** environ;

namespace sluice::secrets {
namespace {

constexpr size_t kMostBytes = 65536;

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\v' || c == '\f'; }

// What is wrong with a secret as such; empty: nothing. `where` begins the message.
absl::StatusOr<SecretString> Checked(const std::string& where, absl::string_view text) {
  if (text.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(where, " is empty; an empty secret is refused: many servers take it for \"anonymous\""));
  }
  if (text.find('\0') != absl::string_view::npos) {
    return absl::InvalidArgumentError(absl::StrCat(where, " holds a zero byte; write the secret as text"));
  }
  if (IsBlank(text.front()) || IsBlank(text.back())) {
    return absl::InvalidArgumentError(absl::StrCat(where, " begins or ends with a blank or an empty line; remove it"));
  }
  return SecretString(text);
}

absl::string_view WithoutLineEnd(absl::string_view text) {
  if (absl::ConsumeSuffix(&text, "\n")) absl::ConsumeSuffix(&text, "\r");
  return text;
}

// A variable whose name differs in case only; empty: there is none.
std::string NearestVariable(absl::string_view name) {
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    absl::string_view text = *entry;
    const size_t end = text.find('=');
    if (end != absl::string_view::npos && absl::EqualsIgnoreCase(text.substr(0, end), name)) {
      return std::string(text.substr(0, end));
    }
  }
  return "";
}

absl::StatusOr<std::vector<std::string>> SplitCommand(const std::string& line) {
  std::vector<std::string> words;
  std::string word;
  bool is_inside = false;
  char quote = '\0';
  for (size_t at = 0; at < line.size(); ++at) {
    const char c = line[at];
    if (quote == '\0' && IsBlank(c)) {
      if (is_inside) words.push_back(std::exchange(word, ""));
      is_inside = false;
      continue;
    }
    is_inside = true;
    if (c == '\\' && quote != '\'' && at + 1 < line.size()) {
      word.push_back(line[++at]);
    } else if (c == quote) {
      quote = '\0';
    } else if (quote == '\0' && (c == '\'' || c == '"')) {
      quote = c;
    } else {
      word.push_back(c);
    }
  }
  if (quote != '\0') return absl::InvalidArgumentError(absl::StrCat("exec:", line, ": a quote is not closed"));
  if (is_inside) words.push_back(word);
  if (words.empty()) return absl::InvalidArgumentError("exec: names no program");
  if (words[0][0] != '/') {
    return absl::InvalidArgumentError(absl::StrCat("exec:", line, ": name the program by its whole path, from / on"));
  }
  return words;
}

// Reads until the end, at most kMostBytes and one, and not beyond `deadline`.
absl::Status ReadUntilEnd(int fd, absl::Time deadline, std::string& text) {
  text.reserve(kMostBytes + 4096);  // It never moves, so that no part of it stays behind unwiped.
  while (text.size() <= kMostBytes) {
    const int64_t left = std::max<int64_t>(0, absl::ToInt64Milliseconds(deadline - absl::Now()));
    struct pollfd poll_one = {fd, POLLIN, 0};
    const int ready = poll(&poll_one, 1, static_cast<int>(std::min<int64_t>(left, 60000)));
    if (ready < 0 && errno != EINTR) return absl::UnavailableError("its output could not be read");
    if (ready <= 0) {
      if (absl::Now() >= deadline) return absl::DeadlineExceededError("it took too long");
      continue;
    }
    const size_t before = text.size();
    text.resize(before + 4096);
    const ssize_t got = read(fd, text.data() + before, 4096);
    text.resize(before + static_cast<size_t>(got > 0 ? got : 0));
    if (got == 0) return absl::OkStatus();
    if (got < 0 && errno != EINTR) return absl::UnavailableError("its output could not be read");
  }
  return absl::InvalidArgumentError(absl::StrCat("it wrote more than ", kMostBytes, " bytes"));
}

std::vector<std::string> PlainEnvironment() {
  std::vector<std::string> environment;
  for (const char* name : {"PATH", "HOME", "LANG"}) {
    const char* value = getenv(name);
    if (value != nullptr) environment.push_back(absl::StrCat(name, "=", value));
  }
  return environment;
}

absl::Status RunProgram(const std::vector<std::string>& words, absl::Time deadline, std::string& text) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return absl::UnavailableError("no pipe could be made");
  const base::FileDescriptor out(ends[0]);
  base::FileDescriptor in(ends[1]);
  base::SpawnOptions options;
  options.executable = words[0];
  options.arguments.assign(words.begin() + 1, words.end());
  options.environment = PlainEnvironment();
  options.descriptors = {-1, in.get(), -1};
  ASSIGN_OR_RETURN(const std::unique_ptr<base::Subprocess> process, base::Subprocess::Spawn(options));
  in.Close();
  RETURN_IF_ERROR(ReadUntilEnd(out.get(), deadline, text));
  const std::optional<base::ExitStatus> end =
      process->WaitForEnd(std::max(absl::ZeroDuration(), deadline - absl::Now()));
  if (!end.has_value()) return absl::DeadlineExceededError("it took too long");
  if (end->by_signal) return absl::UnavailableError(absl::StrCat("it was ended by signal ", end->number));
  if (end->number != 0) return absl::UnavailableError(absl::StrCat("it ended with exit code ", end->number));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SecretString> ResolveEnv(const std::string& name) {
  const char* value = getenv(name.c_str());
  if (value != nullptr) return Checked(absl::StrCat("variable ", name), value);
  const std::string nearest = NearestVariable(name);
  return absl::NotFoundError(absl::StrCat("variable ", name, " is not set in the host's environment",
                                          nearest.empty() ? "" : absl::StrCat("; did you mean ", nearest, "?")));
}

absl::StatusOr<SecretString> ResolveFile(const std::string& path) {
  if (path.empty() || path[0] != '/') {
    return absl::InvalidArgumentError(absl::StrCat("file:", path, ": name the file by its whole path, from / on"));
  }
  ASSIGN_OR_RETURN(std::string contents, base::ReadPrivateFile(path));
  absl::StatusOr<SecretString> secret = Checked(path, WithoutLineEnd(contents));
  WipeText(contents);
  return secret;
}

absl::StatusOr<SecretString> ResolveExec(const std::string& command_line, absl::Duration patience) {
  ASSIGN_OR_RETURN(const std::vector<std::string> words, SplitCommand(command_line));
  std::string output;
  const absl::Status run = RunProgram(words, absl::Now() + patience, output);
  absl::StatusOr<SecretString> secret =
      run.ok() ? Checked(absl::StrCat("what ", words[0], " writes"), WithoutLineEnd(output))
               : absl::StatusOr<SecretString>(base::Annotate(run, words[0]));
  WipeText(output);
  return secret;
}

}  // namespace sluice::secrets
