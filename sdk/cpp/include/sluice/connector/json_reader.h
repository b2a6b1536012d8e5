// JsonReader: reads a long list in JSON one element after the other, in constant memory: the element at hand, and what
// stands outside of the list. Refuses what is nested too deeply, an element that is too large, and what is not JSON,
// and never quotes what it read. For one thread; used once.
//
//   JsonReader reader("value");
//   reader.Skip({"photo"}).Each([&](const Value& user) { return out.Add(ToRecord(user)); });
//   if (absl::Status status = reader.Read(*stream->body); !status.ok()) return status;
//   const std::string next = FieldAt(reader.rest(), "@odata.nextLink").TextOr("");
#ifndef SLUICE_CONNECTOR_JSON_READER_H_
#define SLUICE_CONNECTOR_JSON_READER_H_

#include <cstddef>
#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "sluice/connector/byte_source.h"
#include "sluice/connector/text.h"
#include "sluice/connector/value.h"

namespace sluice::connector {

struct ReadLimits {
  std::size_t max_depth = 64;
  std::size_t max_item_bytes = 16u << 20;  // Of one element, or of all that stands outside of the list.
};

class JsonReader {
 public:
  // Gets each element. A failure ends the reading and is given back as it is.
  using OnItem = std::function<absl::Status(const Value& item)>;

  // Where the list is: names of members joined by dots ("result.items"), or one name that has dots itself; empty: the
  // document is the list.
  explicit JsonReader(AnyText list, ReadLimits limits = {}) : list_(list.str()), limits_(limits) {}

  JsonReader& Each(OnItem on_item) {
    on_item_ = std::move(on_item);
    return *this;
  }
  // Members of these names are not kept, wherever they are in an element.
  JsonReader& Skip(std::vector<std::string> members) {
    skip_.insert(members.begin(), members.end());
    return *this;
  }
  // Numbers with a fraction come as texts, just as they stand there: for money. Else as double.
  JsonReader& DecimalsAsText() {
    decimals_as_text_ = true;
    return *this;
  }

  // Objects come as Struct, arrays as List, null as EMPTY; an integer beyond 64 bits as text. TRANSIENT if the document
  // breaks off, is not JSON or has no such list; INVALID beyond the limits; else what the source says.
  absl::Status Read(ByteSource& source);
  absl::Status Read(AnyText whole);

  // What stands outside of the list, the list itself left out. Empty before Read.
  const Value& rest() const { return rest_; }

 private:
  friend class JsonEvents;
  const std::string list_;
  const ReadLimits limits_;
  OnItem on_item_;
  std::set<std::string, std::less<>> skip_;
  bool decimals_as_text_ = false;
  Value rest_;
};

// A whole document that is small.
absl::StatusOr<Value> ParseJson(AnyText text, ReadLimits limits = {});
// The member at a path of names joined by dots; NOT_VISIBLE if it is not there.
const Value& FieldAt(const Value& value, AnyText path);

}  // namespace sluice::connector

#endif  // SLUICE_CONNECTOR_JSON_READER_H_
