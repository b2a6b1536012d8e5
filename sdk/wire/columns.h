// The column codec of RecordBatch, both ways. On this side of it a cell is one v1::Value that says everything: without
// a kind it is NOT_VISIBLE, `empty` is EMPTY, a list with `partial` is PARTIAL. Encoding picks the typed list that fits
// a whole column; decoding takes any, checks every length and index (the other end is not trusted), and reads what it
// does not know as NOT_VISIBLE. Pure; one thread.
#ifndef SLUICE_SDK_WIRE_COLUMNS_H_
#define SLUICE_SDK_WIRE_COLUMNS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"
#include "sluice/connector/v1/value.pb.h"

namespace sluice::wire {

connector::v1::Presence PresenceOf(const connector::v1::Value& cell);

// Fills everything but the attribute index. Takes the cells apart: texts are moved, not copied.
void EncodeColumn(std::vector<connector::v1::Value> cells, connector::v1::Column* column);
// InvalidArgument when presence and values do not fit `rows`.
absl::StatusOr<std::vector<connector::v1::Value>> DecodeColumn(const connector::v1::Column& column, size_t rows);

// One object of a batch. cells[i] belongs to the class's i-th attribute in the stream's schema.
struct Row {
  std::string id;
  std::string name;
  std::vector<connector::v1::Value> cells;
};
// Checks the batch against the schema and gives its rows; InvalidArgument says what does not fit.
absl::StatusOr<std::vector<Row>> DecodeBatch(const connector::v1::RecordBatch& batch,
                                             const connector::v1::StreamSchema& schema);

// What one object is known to have, by attribute. Texts are not copied: they must outlive it.
struct Cells {
  absl::InlinedVector<std::pair<size_t, absl::string_view>, 24> texts;
  std::vector<std::pair<size_t, connector::v1::Value>> others;
};

// Collects rows of one class and scope until they are taken as a batch. Texts go straight into the bytes of the
// message, so that millions of them make no object each.
class BatchBuilder {
 public:
  BatchBuilder(uint32_t object_class, uint32_t scope, size_t attributes);
  // A cell that is not given is NOT_VISIBLE.
  void Add(absl::string_view id, absl::string_view name, Cells cells);
  size_t rows() const { return rows_; }
  size_t size_bytes() const { return size_bytes_; }  // About what is taken will weigh.
  // Leaves the builder empty. Columns that are NOT_VISIBLE throughout are left out.
  connector::v1::RecordBatch Take();
  // The same in bytes, as `field` of the message around it.
  std::string TakeBytes(uint32_t field);

 private:
  // A column of texts is made as they come; one in which something else stands is made of cells in the end.
  struct Column {
    std::string presence;
    std::string texts;  // The bytes of Column.Texts.
    size_t text_count = 0;
    std::vector<connector::v1::Value> cells;
    bool is_text = true;
  };
  void AddText(size_t row, absl::string_view text, Column* column);
  void AddOther(size_t row, connector::v1::Value cell, Column* column);
  static void MakeCells(Column* column);
  // Of a column that has cells: the message.
  connector::v1::Column Encoded(Column* column);
  void Clear();

  const uint32_t object_class_;
  const uint32_t scope_;
  size_t rows_ = 0;
  size_t size_bytes_ = 0;
  bool has_names_ = false;
  std::string ids_;  // Bytes of these fields of the batch.
  std::string names_;
  std::vector<Column> columns_;
};

// About what one row weighs on the wire.
size_t RowBytes(absl::string_view id, absl::string_view name, const Cells& cells);

connector::v1::CivilDate DateToProto(absl::CivilDay day);
// InvalidArgument for a day that no calendar has.
absl::StatusOr<absl::CivilDay> DateFromProto(const connector::v1::CivilDate& date);

}  // namespace sluice::wire

#endif  // SLUICE_SDK_WIRE_COLUMNS_H_
