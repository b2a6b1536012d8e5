// A RecordBatch read where it lies. A school's import is millions of texts; none of them is copied here before whoever
// takes the import makes a value of it. The other end is not trusted: every length is checked, and every text is UTF-8.
// The bytes must outlive the view and all that is read through it. Pure; one thread.
#ifndef SLUICE_SDK_WIRE_BATCH_VIEW_H_
#define SLUICE_SDK_WIRE_BATCH_VIEW_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "sluice/connector/v1/value.pb.h"

namespace sluice::wire {

struct BatchView {
  struct Column {
    uint32_t attribute = 0;
    absl::string_view presence;
    bool is_text = false;     // It holds texts and nothing else that this build knows or does not know.
    size_t text_count = 0;    // With is_text, as is the next.
    absl::string_view texts;  // A message of them: field 1, again and again.
    absl::string_view bytes;  // The whole column.
  };
  uint32_t object_class = 0;
  uint32_t scope = 0;
  std::vector<absl::string_view> ids;
  std::vector<absl::string_view> names;
  std::vector<Column> columns;
};

// InvalidArgument for what is no RecordBatch. Fields that this build does not know are left out.
absl::Status ReadBatch(absl::string_view bytes, BatchView* batch);

// Of a message that holds nothing but one `field`, the bytes of it.
std::optional<absl::string_view> OnlyField(absl::string_view message, uint32_t field);

// All of the batch but its columns' values: class, scope, names, ids, and that no attribute is unknown or comes twice.
absl::Status CheckBatch(const BatchView& batch, const connector::v1::StreamSchema& schema);
absl::Status Misfit(const BatchView& batch, absl::string_view what);

// The cells of a column, one row after the other.
class CellReader {
 public:
  // One of these, or none: NOT_VISIBLE. Both are good as long as the reader and the bytes are.
  struct Cell {
    std::optional<absl::string_view> text;
    const connector::v1::Value* value = nullptr;
  };
  // InvalidArgument when presence and values do not fit `rows`.
  absl::Status Start(const BatchView::Column& column, size_t rows);
  Cell Next();

 private:
  bool is_text_ = false;
  absl::string_view presence_;
  absl::string_view texts_;
  size_t next_ = 0;
  std::vector<connector::v1::Value> cells_;
};

// The first of `texts`, which have been checked; removes it from them.
absl::string_view TakeText(absl::string_view* texts);

}  // namespace sluice::wire

#endif  // SLUICE_SDK_WIRE_BATCH_VIEW_H_
