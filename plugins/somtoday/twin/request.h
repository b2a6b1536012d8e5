// One request and its answer, free of the HTTP library. Plain data.
#ifndef PLUGINS_SOMTODAY_TWIN_REQUEST_H_
#define PLUGINS_SOMTODAY_TWIN_REQUEST_H_

#include <map>
#include <string>
#include <vector>

namespace sluice::somtoday_twin {

struct Request {
  std::string method, path, query_text, body, bearer;
  std::multimap<std::string, std::string> query;
  std::multimap<std::string, std::string> form;

  std::string Query(const std::string& key) const { return First(query, key); }
  std::string Form(const std::string& key) const { return First(form, key); }
  static std::string First(const std::multimap<std::string, std::string>& map, const std::string& key) {
    const auto found = map.find(key);
    return found == map.end() ? "" : found->second;
  }
  std::string Line() const { return method + " " + path + (query_text.empty() ? "" : "?" + query_text); }
};

struct Answer {
  int status = 200;
  std::string body;
  std::string content_type = "application/json";
  std::map<std::string, std::string> headers;
  int items = -1;  // Of a list.
};

}  // namespace sluice::somtoday_twin

#endif  // PLUGINS_SOMTODAY_TWIN_REQUEST_H_
