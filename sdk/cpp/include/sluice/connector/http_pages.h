// HttpPages: a list that a system gives in pages, one page after the other. Ends where the system says so; a list that
// leads back to a page that was read, or to another host (which would be shown the token), is an error, never the end.
// For one thread.
//
//   HttpPages pages(client, request, NextPage::LinkIn("@odata.nextLink"));
//   while (true) {
//     auto page = pages.Next();
//     if (!page.ok()) return page.status();
//     if (!page->has_value()) break;  // The last page was read before.
//     ... (*page)->body
//   }
#ifndef SLUICE_CONNECTOR_HTTP_PAGES_H_
#define SLUICE_CONNECTOR_HTTP_PAGES_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "sluice/connector/http_client.h"
#include "sluice/connector/text.h"

namespace sluice::connector {

// How a page says which one comes next. Names of members are paths: "meta.next".
class NextPage {
 public:
  // The header Link with rel="next" (RFC 8288).
  static NextPage LinkHeader();
  // A member of the JSON body holds the address, whole or relative.
  static NextPage LinkIn(AnyText member);
  // A member of the JSON body holds a token, which goes into a parameter of the same request ("pageToken").
  static NextPage TokenIn(AnyText member, AnyText parameter);
  // Parameters hold how many to leave out and how many to give ("skip", "take"); a page whose list, a member of the
  // JSON body, has fewer is the last. An empty `list`: the body is the list.
  static NextPage Offset(AnyText skip_parameter, AnyText take_parameter, int64_t take, AnyText list);
  // The address of the page after `page`, which `url` gave; nothing after the last.
  using Rule =
      std::function<absl::StatusOr<std::optional<std::string>>(const std::string& url, const HttpResponse& page)>;
  static NextPage By(Rule rule) { return NextPage(std::move(rule), nullptr); }

 private:
  friend class HttpPages;
  using Start = std::function<std::string(const std::string& url)>;
  NextPage(Rule rule, Start start) : rule_(std::move(rule)), start_(std::move(start)) {}
  Rule rule_;
  Start start_;  // Makes the first address; null: it is the request's.
};

class HttpPages {
 public:
  HttpPages(HttpClient& client, HttpRequest first, NextPage next);
  // The next page; nothing after the last. Fails like HttpClient::Send, as ErrorOf says for a status that is not 2xx,
  // and with TRANSIENT when the list has no end. After a failure the same page is asked for again.
  absl::StatusOr<std::optional<HttpResponse>> Next();
  int64_t pages_read() const { return static_cast<int64_t>(seen_.size()); }

 private:
  HttpClient& client_;
  HttpRequest request_;
  NextPage next_;
  std::set<std::string> seen_;
  bool is_over_ = false;
};

// The address with this parameter, in the place of the one it had.
std::string WithParameter(AnyText url, AnyText name, AnyText value);

}  // namespace sluice::connector

#endif  // SLUICE_CONNECTOR_HTTP_PAGES_H_
