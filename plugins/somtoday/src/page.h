// An answer of Connect as JSON, without the branches that nothing here reads: they are most of a page. Pure; any
// thread.
#ifndef PLUGINS_SOMTODAY_SRC_PAGE_H_
#define PLUGINS_SOMTODAY_SRC_PAGE_H_

#include <optional>
#include <string>

#include "nlohmann/json.hpp"

namespace sluice::somtoday {

using Json = nlohmann::json;

// Nothing when it is not JSON, or no object. `with_groups`: whether a person says in which class groups it is.
std::optional<Json> ReadPage(const std::string& body, bool with_groups);

}  // namespace sluice::somtoday

#endif  // PLUGINS_SOMTODAY_SRC_PAGE_H_
