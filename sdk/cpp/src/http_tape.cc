#include "sluice/connector/http_tape.h"

#include <openssl/sha.h>

#include <deque>
#include <fstream>
#include <map>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/mutex.h"
#include "nlohmann/json.hpp"

namespace sluice::connector {
namespace {

using Json = nlohmann::json;

bool IsSecretName(absl::string_view name) {
  const std::string lower = absl::AsciiStrToLower(name);
  for (const char* word : {"token", "secret", "key", "password", "signature"}) {
    if (absl::StrContains(lower, word)) return true;
  }
  return false;
}

// The address as it may stand in a file.
std::string Masked(const std::string& url) {
  const size_t question = url.find('?');
  if (question == std::string::npos) return url;
  std::vector<std::string> parameters = absl::StrSplit(url.substr(question + 1), '&');
  for (std::string& parameter : parameters) {
    const size_t equals = parameter.find('=');
    if (equals == std::string::npos) continue;
    const std::string name = parameter.substr(0, equals);
    const bool is_page_token = absl::EqualsIgnoreCase(name, "pageToken") || absl::EqualsIgnoreCase(name, "page_token");
    if (IsSecretName(name) && !is_page_token) parameter = absl::StrCat(name, "=***");
  }
  return absl::StrCat(url.substr(0, question + 1), absl::StrJoin(parameters, "&"));
}

std::string HashOf(const std::string& body) {
  if (body.empty()) return "";
  std::string hash(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(body.data()), body.size(),
         reinterpret_cast<unsigned char*>(hash.data()));
  return absl::BytesToHexString(hash);
}

// Of a request: what must be the same to get its answer.
std::string KeyOf(const std::string& method, const std::string& masked_url, const std::string& body_hash) {
  return absl::StrCat(method, " ", masked_url, " ", body_hash);
}

class Recorder final : public HttpTape {
 public:
  explicit Recorder(std::ofstream file) : file_(std::move(file)) {}
  bool replays() const override { return false; }
  void Keep(const HttpRequest& request, const HttpResponse& response) override {
    Json line = {{"method", request.method}, {"url", Masked(request.url)}, {"status", response.status}};
    if (!request.body.empty()) line["request_sha256"] = HashOf(request.body);
    Json headers = Json::array();
    for (const auto& [name, value] : response.headers) {
      if (!absl::EqualsIgnoreCase(name, "Set-Cookie")) headers.push_back({name, value});
    }
    line["headers"] = std::move(headers);
    std::string text;
    try {
      Json whole = line;
      whole["body"] = response.body;
      text = whole.dump();
    } catch (const Json::exception&) {  // Not UTF-8.
      line["body_base64"] = absl::Base64Escape(response.body);
      text = line.dump(-1, ' ', false, Json::error_handler_t::replace);
    }
    absl::MutexLock lock(&mutex_);
    file_ << text << "\n" << std::flush;
  }
  absl::StatusOr<HttpResponse> Answer(const HttpRequest&) override {
    return Error(Reason::kBug, "SDK-0515", "a tape that records gives no answers").AsStatus();
  }
  size_t left() const override { return 0; }

 private:
  absl::Mutex mutex_;
  std::ofstream file_ ABSL_GUARDED_BY(mutex_);
};

class Player final : public HttpTape {
 public:
  absl::Status Load(std::istream& file) {
    absl::MutexLock lock(&mutex_);
    std::string text;
    for (int number = 1; std::getline(file, text); ++number) {
      const Json line = Json::parse(text, nullptr, false);
      HttpResponse response;
      std::string key;
      try {
        response.status = line.at("status").get<int>();
        key = KeyOf(line.at("method").get<std::string>(), line.at("url").get<std::string>(),
                    line.value("request_sha256", std::string()));
        for (const Json& header : line.at("headers"))
          response.headers.emplace_back(header.at(0).get<std::string>(), header.at(1).get<std::string>());
        response.body = line.value("body", std::string());
        if (line.contains("body_base64") &&
            !absl::Base64Unescape(line["body_base64"].get<std::string>(), &response.body))
          return NotATape(number);
      } catch (const Json::exception&) {
        return NotATape(number);
      }
      answers_[key].push_back(std::move(response));
      ++left_;
    }
    return absl::OkStatus();
  }
  bool replays() const override { return true; }
  void Keep(const HttpRequest&, const HttpResponse&) override {}
  absl::StatusOr<HttpResponse> Answer(const HttpRequest& request) override {
    absl::MutexLock lock(&mutex_);
    const std::string url = Masked(request.url);
    const auto found = answers_.find(KeyOf(request.method, url, HashOf(request.body)));
    if (found == answers_.end() || found->second.empty()) {
      return Error(Reason::kInvalid, "SDK-0513",
                   absl::StrCat("the tape holds no", found == answers_.end() ? "" : " further", " answer for ",
                                request.method, " ", url, "; record it again"))
          .AsStatus();
    }
    HttpResponse response = std::move(found->second.front());
    found->second.pop_front();
    --left_;
    return response;
  }
  size_t left() const override {
    absl::MutexLock lock(&mutex_);
    return left_;
  }

 private:
  static absl::Status NotATape(int line) {
    return Error(Reason::kInvalid, "SDK-0514", absl::StrCat("line ", line, " of the file is no recorded answer"));
  }
  mutable absl::Mutex mutex_;
  std::map<std::string, std::deque<HttpResponse>> answers_ ABSL_GUARDED_BY(mutex_);
  size_t left_ ABSL_GUARDED_BY(mutex_) = 0;
};

absl::Status CannotOpen(AnyText file) {
  return Error(Reason::kInvalid, "SDK-0514", absl::StrCat("the file ", file.str(), " cannot be opened"));
}

}  // namespace

absl::StatusOr<std::shared_ptr<HttpTape>> HttpTape::Record(AnyText file) {
  std::ofstream out(file.str(), std::ios::trunc);
  if (!out) return CannotOpen(file);
  return std::make_shared<Recorder>(std::move(out));
}

absl::StatusOr<std::shared_ptr<HttpTape>> HttpTape::Replay(AnyText file) {
  std::ifstream in(file.str());
  if (!in) return CannotOpen(file);
  auto player = std::make_shared<Player>();
  if (absl::Status status = player->Load(in); !status.ok()) return status;
  return player;
}

}  // namespace sluice::connector
