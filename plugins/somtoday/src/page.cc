#include "plugins/somtoday/src/page.h"

#include <simdjson.h>

#include <cstdint>
#include <string_view>
#include <utility>

namespace sluice::somtoday {
namespace {

constexpr int kInRecord = 2;  // Depth of a record's own fields: the answer, its list, the record.

bool IsRead(std::string_view key, int depth, bool with_groups) {
  if (key == "vakkeuzes" || key == "adres" || key == "verzorgers" || key == "debiteurGegevens") return false;
  return with_groups || key != "lesgroepen" || depth < kInRecord;
}

class Reader {
 public:
  explicit Reader(bool with_groups) : with_groups_(with_groups) {}

  // Depth is bounded by the parser.
  Json Of(const simdjson::dom::element& element, int depth) const {
    using Type = simdjson::dom::element_type;
    switch (element.type()) {
      case Type::ARRAY: {
        Json::array_t items;
        const simdjson::dom::array array = element.get_array().value_unsafe();
        items.reserve(array.size());
        for (const simdjson::dom::element item : array) items.push_back(Of(item, depth + 1));
        return items;
      }
      case Type::OBJECT: {
        Json::object_t fields;
        const simdjson::dom::object object = element.get_object().value_unsafe();
        for (const simdjson::dom::key_value_pair field : object) {
          if (IsRead(field.key, depth, with_groups_))
            fields.insert_or_assign(std::string(field.key), Of(field.value, depth + 1));
        }
        return fields;
      }
      case Type::STRING:
        return std::string(element.get_string().value_unsafe());
      case Type::INT64: {
        const int64_t number = element.get_int64().value_unsafe();
        return number < 0 ? Json(number) : Json(static_cast<uint64_t>(number));
      }
      case Type::UINT64:
        return element.get_uint64().value_unsafe();
      case Type::DOUBLE:
        return element.get_double().value_unsafe();
      case Type::BOOL:
        return element.get_bool().value_unsafe();
      case Type::NULL_VALUE:
        break;
    }
    return nullptr;
  }

 private:
  const bool with_groups_;
};

// Takes whatever is JSON, a number without end and a mark at the beginning as well; slowly.
std::optional<Json> ReadPatiently(const std::string& body, bool with_groups) {
  const Json::parser_callback_t keep = [with_groups](int depth, Json::parse_event_t event, Json& parsed) {
    return event != Json::parse_event_t::key || IsRead(parsed.get_ref<const std::string&>(), depth - 1, with_groups);
  };
  Json json = Json::parse(body, keep, /*allow_exceptions=*/false);
  if (json.is_discarded() || !json.is_object()) return std::nullopt;
  return json;
}

}  // namespace

std::optional<Json> ReadPage(const std::string& body, bool with_groups) {
  thread_local simdjson::dom::parser parser;
  simdjson::dom::element whole;
  if (parser.parse(body).get(whole) != simdjson::SUCCESS) return ReadPatiently(body, with_groups);
  if (!whole.is_object()) return std::nullopt;
  return Reader(with_groups).Of(whole, 0);
}

}  // namespace sluice::somtoday
