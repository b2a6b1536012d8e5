#include "sluice/connector/http_pages.h"

#include <curl/curl.h>

#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "nlohmann/json.hpp"

namespace sluice::connector {
namespace {

using Json = nlohmann::json;
using Next = absl::StatusOr<std::optional<std::string>>;

absl::Status NotAPage(const std::string& what) {
  return Error(Reason::kTransient, "SDK-0520", absl::StrCat("a page of the list ", what));
}

// The member at this path of the body; null if it is not there.
absl::StatusOr<Json> MemberOf(const HttpResponse& page, const std::string& path) {
  Json json = Json::parse(page.body, nullptr, false);
  if (json.is_discarded()) return NotAPage("is not JSON, or was broken off");
  if (path.empty()) return json;
  if (json.is_object() && json.contains(path)) return Json(std::move(json[path]));  // "@odata.nextLink"
  for (absl::string_view step : absl::StrSplit(path, '.')) {
    if (!json.is_object() || !json.contains(std::string(step))) return Json();
    Json inner = std::move(json[std::string(step)]);
    json = std::move(inner);
  }
  return json;
}

std::optional<std::string> TextOf(const Json& json) {
  if (json.is_string() && !json.get_ref<const std::string&>().empty()) return json.get<std::string>();
  if (json.is_number_integer()) return absl::StrCat(json.get<int64_t>());
  return std::nullopt;
}

using Url = std::unique_ptr<CURLU, decltype(&curl_url_cleanup)>;

std::string PartOf(CURLU* url, CURLUPart part) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, part == CURLUPART_PORT ? CURLU_DEFAULT_PORT : 0) != CURLUE_OK) return "";
  std::string copy(text);
  curl_free(text);
  return copy;
}

// `next` as seen from `url`, if it is on the same host.
absl::StatusOr<std::string> Follow(const std::string& url, const std::string& next) {
  Url at(curl_url(), curl_url_cleanup), to(curl_url(), curl_url_cleanup);
  const bool is_valid = curl_url_set(at.get(), CURLUPART_URL, url.c_str(), 0) == CURLUE_OK &&
                        curl_url_set(to.get(), CURLUPART_URL, url.c_str(), 0) == CURLUE_OK &&
                        curl_url_set(to.get(), CURLUPART_URL, next.c_str(), 0) == CURLUE_OK;
  if (!is_valid) return NotAPage("leads to something that is no address");
  for (const CURLUPart part : {CURLUPART_SCHEME, CURLUPART_HOST, CURLUPART_PORT}) {
    if (PartOf(at.get(), part) != PartOf(to.get(), part)) {
      return Error(Reason::kInvalid, "SDK-0521",
                   "a page of the list leads to another host, which gets no token of ours")
          .AsStatus();
    }
  }
  return PartOf(to.get(), CURLUPART_URL);
}

int64_t NumberIn(const std::string& url, const std::string& name) {
  const size_t question = url.find('?');
  if (question == std::string::npos) return 0;
  for (absl::string_view pair : absl::StrSplit(absl::string_view(url).substr(question + 1), '&')) {
    const std::vector<std::string> parts = absl::StrSplit(pair, absl::MaxSplits('=', 1));
    if (parts[0] == name && parts.size() == 2) return std::atoll(parts[1].c_str());
  }
  return 0;
}

}  // namespace

std::string WithParameter(AnyText url, AnyText name, AnyText value) {
  const std::string text = url.str();
  const size_t hash = text.find('#');
  const std::string address = text.substr(0, hash);
  const size_t question = address.find('?');
  const std::string pair = absl::StrCat(UrlEncode(name), "=", UrlEncode(value));
  std::string query;
  bool is_there = false;
  if (question != std::string::npos) {
    for (absl::string_view old :
         absl::StrSplit(absl::string_view(address).substr(question + 1), '&', absl::SkipEmpty())) {
      const bool is_it = old.substr(0, old.find('=')) == name.str() || old.substr(0, old.find('=')) == UrlEncode(name);
      if (is_it && is_there) continue;
      absl::StrAppend(&query, query.empty() ? "" : "&", is_it ? pair : std::string(old));
      is_there |= is_it;
    }
  }
  if (!is_there) absl::StrAppend(&query, query.empty() ? "" : "&", pair);
  return absl::StrCat(address.substr(0, question), "?", query);
}

NextPage NextPage::LinkHeader() {
  return By([](const std::string&, const HttpResponse& page) -> Next {
    for (const auto& [name, value] : page.headers) {
      if (!absl::EqualsIgnoreCase(name, "Link")) continue;
      for (absl::string_view link : absl::StrSplit(value, ',')) {
        const size_t open = link.find('<'), close = link.find('>');
        if (open == absl::string_view::npos || close == absl::string_view::npos || close < open) continue;
        const std::string parameters = absl::AsciiStrToLower(link.substr(close + 1));
        for (absl::string_view parameter : absl::StrSplit(parameters, ';')) {
          parameter = absl::StripAsciiWhitespace(parameter);
          if (parameter == "rel=\"next\"" || parameter == "rel=next")
            return std::optional<std::string>(std::string(link.substr(open + 1, close - open - 1)));
        }
      }
    }
    return std::optional<std::string>();
  });
}

NextPage NextPage::LinkIn(AnyText member) {
  return By([path = member.str()](const std::string&, const HttpResponse& page) -> Next {
    absl::StatusOr<Json> link = MemberOf(page, path);
    if (!link.ok()) return link.status();
    return TextOf(*link);
  });
}

NextPage NextPage::TokenIn(AnyText member, AnyText parameter) {
  return By([path = member.str(), name = parameter.str()](const std::string& url, const HttpResponse& page) -> Next {
    absl::StatusOr<Json> token = MemberOf(page, path);
    if (!token.ok()) return token.status();
    const std::optional<std::string> text = TextOf(*token);
    if (!text.has_value()) return std::optional<std::string>();
    return std::optional<std::string>(WithParameter(url, name, *text));
  });
}

NextPage NextPage::Offset(AnyText skip_parameter, AnyText take_parameter, int64_t take, AnyText list) {
  const std::string skip = skip_parameter.str(), name = take_parameter.str();
  Rule rule = [skip, take, path = list.str()](const std::string& url, const HttpResponse& page) -> Next {
    absl::StatusOr<Json> items = MemberOf(page, path);
    if (!items.ok()) return items.status();
    if (!items->is_array()) return NotAPage(absl::StrCat("has no list '", path, "'"));
    if (static_cast<int64_t>(items->size()) < take) return std::optional<std::string>();
    return std::optional<std::string>(WithParameter(url, skip, absl::StrCat(NumberIn(url, skip) + take)));
  };
  return NextPage(std::move(rule), [skip, name, take](const std::string& url) {
    return WithParameter(WithParameter(url, skip, absl::StrCat(NumberIn(url, skip))), name, absl::StrCat(take));
  });
}

HttpPages::HttpPages(HttpClient& client, HttpRequest first, NextPage next)
    : client_(client), request_(std::move(first)), next_(std::move(next)) {
  if (next_.start_ != nullptr) request_.url = next_.start_(request_.url);
}

absl::StatusOr<std::optional<HttpResponse>> HttpPages::Next() {
  if (is_over_) return std::optional<HttpResponse>();
  absl::StatusOr<HttpResponse> page = client_.Send(request_);
  if (!page.ok()) return page.status();
  if (!page->ok()) return ErrorOf(*page, "SDK-0523", "a page of the list could not be read").AsStatus();
  absl::StatusOr<std::optional<std::string>> next = next_.rule_(request_.url, *page);
  if (!next.ok()) return next.status();
  if (next->has_value()) {
    absl::StatusOr<std::string> url = Follow(request_.url, **next);
    if (!url.ok()) return url.status();
    if (*url == request_.url || seen_.contains(*url)) {
      return Error(Reason::kTransient, "SDK-0522", "the list has no end: a page leads back to one that was read")
          .AsStatus();
    }
    seen_.insert(request_.url);
    request_.url = *std::move(url);
  } else {
    seen_.insert(request_.url);
    is_over_ = true;
  }
  return std::optional<HttpResponse>(*std::move(page));
}

}  // namespace sluice::connector
