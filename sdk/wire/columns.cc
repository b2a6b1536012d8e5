#include "sdk/wire/columns.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sdk/wire/batch_view.h"
#include "sdk/wire/put.h"

namespace sluice::wire {
namespace {

namespace v1 = connector::v1;

const absl::CivilDay kEpoch(1970, 1, 1);

bool HoldsValue(v1::Presence presence) { return presence == v1::PRESENCE_PRESENT || presence == v1::PRESENCE_PARTIAL; }

v1::Presence PresenceOfByte(char byte) {
  const int number = static_cast<unsigned char>(byte);
  return number != 0 && v1::Presence_IsValid(number) ? static_cast<v1::Presence>(number) : v1::PRESENCE_NOT_VISIBLE;
}

// The kind that all cells with a value share; KIND_NOT_SET if there are several, or none.
v1::Value::KindCase CommonKind(const std::vector<v1::Value>& cells) {
  v1::Value::KindCase common = v1::Value::KIND_NOT_SET;
  for (const v1::Value& cell : cells) {
    if (!HoldsValue(PresenceOf(cell)) || cell.kind_case() == common) continue;
    if (common != v1::Value::KIND_NOT_SET) return v1::Value::KIND_NOT_SET;
    common = cell.kind_case();
  }
  return common;
}

bool DatesAreValid(const std::vector<v1::Value>& cells) {
  return std::all_of(cells.begin(), cells.end(),
                     [](const v1::Value& c) { return !c.has_date() || DateFromProto(c.date()).ok(); });
}

constexpr int64_t kMaxTimeSeconds = int64_t{1} << 42;  // Far beyond the year 9999, and no microseconds overflow.

bool TimesAreWholeMicroseconds(const std::vector<v1::Value>& cells) {
  return std::all_of(cells.begin(), cells.end(), [](const v1::Value& c) {
    return !c.has_time() || (c.time().nanos() >= 0 && c.time().nanos() % 1000 == 0 &&
                             c.time().seconds() > -kMaxTimeSeconds && c.time().seconds() < kMaxTimeSeconds);
  });
}

bool ReferencesAreOfOneClass(const std::vector<v1::Value>& cells) {
  const v1::Value* first = nullptr;
  for (const v1::Value& cell : cells) {
    if (!cell.has_reference()) continue;
    if (first == nullptr) first = &cell;
    if (cell.reference().object_class() != first->reference().object_class()) return false;
  }
  return true;
}

// Whether the typed list of `kind` says all that these cells do.
bool Fits(v1::Value::KindCase kind, const std::vector<v1::Value>& cells) {
  switch (kind) {
    case v1::Value::kDate:
      return DatesAreValid(cells);
    case v1::Value::kTime:
      return TimesAreWholeMicroseconds(cells);
    case v1::Value::kReference:
      return ReferencesAreOfOneClass(cells);
    default:
      return true;
  }
}

google::protobuf::Timestamp TimeOf(int64_t microseconds) {
  google::protobuf::Timestamp time;
  int64_t seconds = microseconds / 1000000;
  int64_t rest = microseconds % 1000000;
  if (rest < 0) {
    --seconds;
    rest += 1000000;
  }
  time.set_seconds(seconds);
  time.set_nanos(static_cast<int32_t>(rest * 1000));
  return time;
}

// Takes the cell apart.
void AddTyped(v1::Value::KindCase kind, v1::Value& cell, v1::Column* column) {
  switch (kind) {
    case v1::Value::kText:
      column->mutable_texts()->add_values(std::move(*cell.mutable_text()));
      break;
    case v1::Value::kInteger:
      column->mutable_integers()->add_values(cell.integer());
      break;
    case v1::Value::kNumber:
      column->mutable_numbers()->add_values(cell.number());
      break;
    case v1::Value::kFlag:
      column->mutable_flags()->add_values(cell.flag());
      break;
    case v1::Value::kData:
      column->mutable_datas()->add_values(std::move(*cell.mutable_data()));
      break;
    case v1::Value::kDate:
      column->mutable_dates()->add_days(static_cast<int32_t>(*DateFromProto(cell.date()) - kEpoch));
      break;
    case v1::Value::kTime:
      column->mutable_times()->add_microseconds(cell.time().seconds() * 1000000 + cell.time().nanos() / 1000);
      break;
    case v1::Value::kReference:
      column->mutable_references()->set_object_class(cell.reference().object_class());
      column->mutable_references()->add_ids(std::move(*cell.mutable_reference()->mutable_id()));
      break;
    default:
      *column->mutable_others()->add_values() = std::move(cell);
  }
}

void EncodeLists(std::vector<v1::Value> cells, v1::Column* column) {
  v1::Column::Lists* lists = column->mutable_lists();
  std::vector<v1::Value> items;
  for (v1::Value& cell : cells) {
    if (!cell.has_list()) continue;
    lists->add_lengths(static_cast<uint32_t>(cell.list().values_size()));
    for (v1::Value& item : *cell.mutable_list()->mutable_values()) items.push_back(std::move(item));
  }
  EncodeColumn(std::move(items), lists->mutable_items());
}

// The values of a column, one after the other.
class ColumnValues {
 public:
  explicit ColumnValues(const v1::Column& column) : column_(column) {}

  absl::Status Start() {
    if (column_.values_case() != v1::Column::kLists) return absl::OkStatus();
    uint64_t total = 0;
    for (uint32_t length : column_.lists().lengths()) total += length;
    // Each item takes at least one byte somewhere, so a length beyond that is a lie and allocates nothing.
    if (total > column_.lists().items().ByteSizeLong())
      return absl::InvalidArgumentError("a list is longer than its items");
    auto items = DecodeColumn(column_.lists().items(), static_cast<size_t>(total));
    if (!items.ok()) return items.status();
    items_ = std::move(*items);
    return absl::OkStatus();
  }

  size_t size() const {
    switch (column_.values_case()) {
      case v1::Column::kTexts:
        return column_.texts().values_size();
      case v1::Column::kIntegers:
        return column_.integers().values_size();
      case v1::Column::kFlags:
        return column_.flags().values_size();
      case v1::Column::kDates:
        return column_.dates().days_size();
      case v1::Column::kLists:
        return column_.lists().lengths_size();
      case v1::Column::kOthers:
        return column_.others().values_size();
      case v1::Column::kNumbers:
        return column_.numbers().values_size();
      case v1::Column::kDatas:
        return column_.datas().values_size();
      case v1::Column::kTimes:
        return column_.times().microseconds_size();
      case v1::Column::kReferences:
        return column_.references().ids_size();
      case v1::Column::VALUES_NOT_SET:
        return 0;
    }
    return 0;
  }

  v1::Value Next() {
    v1::Value value;
    const int i = next_++;
    switch (column_.values_case()) {
      case v1::Column::kIntegers:
        value.set_integer(column_.integers().values(i));
        break;
      case v1::Column::kFlags:
        value.set_flag(column_.flags().values(i));
        break;
      case v1::Column::kDates:
        *value.mutable_date() = DateToProto(kEpoch + column_.dates().days(i));
        break;
      case v1::Column::kLists: {
        v1::Value::List* list = value.mutable_list();
        for (uint32_t k = 0; k < column_.lists().lengths(i); ++k) *list->add_values() = std::move(items_[next_item_++]);
        break;
      }
      case v1::Column::kOthers:
        value = column_.others().values(i);
        break;
      case v1::Column::kNumbers:
        value.set_number(column_.numbers().values(i));
        break;
      case v1::Column::kDatas:
        value.set_data(column_.datas().values(i));
        break;
      case v1::Column::kTimes:
        *value.mutable_time() = TimeOf(column_.times().microseconds(i));
        break;
      case v1::Column::kReferences:
        value.mutable_reference()->set_object_class(column_.references().object_class());
        value.mutable_reference()->set_id(column_.references().ids(i));
        break;
      case v1::Column::kTexts:
        value.set_text(column_.texts().values(i));
        break;
      case v1::Column::VALUES_NOT_SET:
        break;
    }
    return value;
  }

 private:
  const v1::Column& column_;
  int next_ = 0;
  size_t next_item_ = 0;
  std::vector<v1::Value> items_;
};

}  // namespace

v1::Presence PresenceOf(const v1::Value& cell) {
  switch (cell.kind_case()) {
    case v1::Value::KIND_NOT_SET:
      return v1::PRESENCE_NOT_VISIBLE;
    case v1::Value::kEmpty:
      return v1::PRESENCE_EMPTY;
    case v1::Value::kList:
      return cell.list().partial() ? v1::PRESENCE_PARTIAL : v1::PRESENCE_PRESENT;
    default:
      return v1::PRESENCE_PRESENT;
  }
}

void EncodeColumn(std::vector<v1::Value> cells, v1::Column* column) {
  std::string presence;
  presence.reserve(cells.size());
  bool all_present = true;
  for (const v1::Value& cell : cells) {
    presence.push_back(static_cast<char>(PresenceOf(cell)));
    all_present = all_present && presence.back() == static_cast<char>(v1::PRESENCE_PRESENT);
  }
  if (!all_present) column->set_presence(std::move(presence));
  v1::Value::KindCase kind = CommonKind(cells);
  if (!Fits(kind, cells)) kind = v1::Value::KIND_NOT_SET;
  if (kind == v1::Value::kList) return EncodeLists(std::move(cells), column);
  for (v1::Value& cell : cells) {
    if (HoldsValue(PresenceOf(cell))) AddTyped(kind, cell, column);
  }
}

absl::StatusOr<std::vector<v1::Value>> DecodeColumn(const v1::Column& column, size_t rows) {
  const std::string& presence = column.presence();
  if (!presence.empty() && presence.size() != rows) {
    return absl::InvalidArgumentError(absl::StrCat("presence of ", presence.size(), " for ", rows, " rows"));
  }
  size_t expected = rows;
  if (!presence.empty()) {
    expected = static_cast<size_t>(
        std::count_if(presence.begin(), presence.end(), [](char byte) { return HoldsValue(PresenceOfByte(byte)); }));
  }
  ColumnValues values(column);
  // A kind of list that this build does not know is NOT_VISIBLE for all.
  const bool is_unknown = column.values_case() == v1::Column::VALUES_NOT_SET;
  if (!is_unknown && values.size() != expected) {
    return absl::InvalidArgumentError(absl::StrCat(values.size(), " values where presence says ", expected));
  }
  if (auto status = values.Start(); !status.ok()) return status;
  std::vector<v1::Value> cells(rows);
  for (size_t i = 0; i < rows; ++i) {
    const v1::Presence present = presence.empty() ? v1::PRESENCE_PRESENT : PresenceOfByte(presence[i]);
    if (present == v1::PRESENCE_EMPTY) cells[i].mutable_empty();
    if (is_unknown || !HoldsValue(present)) continue;
    cells[i] = values.Next();
    if (present == v1::PRESENCE_PARTIAL && cells[i].has_list()) cells[i].mutable_list()->set_partial(true);
  }
  return cells;
}

absl::StatusOr<std::vector<Row>> DecodeBatch(const v1::RecordBatch& batch, const v1::StreamSchema& schema) {
  const std::string bytes = batch.SerializeAsString();
  BatchView view;
  if (auto status = ReadBatch(bytes, &view); !status.ok()) return status;
  if (auto status = CheckBatch(view, schema); !status.ok()) return status;
  std::vector<Row> rows(view.ids.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    rows[i].id = std::string(view.ids[i]);
    if (!view.names.empty()) rows[i].name = std::string(view.names[i]);
    rows[i].cells.resize(static_cast<size_t>(schema.classes(static_cast<int>(view.object_class)).attributes_size()));
  }
  for (const BatchView::Column& column : view.columns) {
    CellReader cells;
    if (auto status = cells.Start(column, rows.size()); !status.ok())
      return Misfit(view, absl::StrCat("attribute ", column.attribute, ": ", status.message()));
    for (Row& row : rows) {
      const CellReader::Cell cell = cells.Next();
      if (cell.text) row.cells[column.attribute].set_text(cell.text->data(), cell.text->size());
      if (cell.value != nullptr) row.cells[column.attribute] = *cell.value;
    }
  }
  return rows;
}

BatchBuilder::BatchBuilder(uint32_t object_class, uint32_t scope, size_t attributes)
    : object_class_(object_class), scope_(scope), columns_(attributes) {}

void BatchBuilder::Add(absl::string_view id, absl::string_view name, Cells cells) {
  size_bytes_ += RowBytes(id, name, cells);
  const size_t row = rows_++;
  has_names_ = has_names_ || !name.empty();
  PutBytes(3, id, &ids_);
  PutBytes(4, name, &names_);
  for (const auto& [attribute, text] : cells.texts) {
    if (attribute < columns_.size()) AddText(row, text, &columns_[attribute]);
  }
  for (auto& [attribute, cell] : cells.others) {
    if (attribute < columns_.size()) AddOther(row, std::move(cell), &columns_[attribute]);
  }
}

void BatchBuilder::AddText(size_t row, absl::string_view text, Column* column) {
  if (!column->is_text || column->presence.size() > row) {  // Something else, or a second time in this row.
    v1::Value cell;
    cell.set_text(text.data(), text.size());
    return AddOther(row, std::move(cell), column);
  }
  column->presence.resize(row, static_cast<char>(v1::PRESENCE_NOT_VISIBLE));
  column->presence.push_back(static_cast<char>(v1::PRESENCE_PRESENT));
  PutBytes(1, text, &column->texts);
  ++column->text_count;
}

void BatchBuilder::AddOther(size_t row, v1::Value cell, Column* column) {
  if (column->is_text && cell.has_empty() && column->presence.size() <= row) {
    column->presence.resize(row, static_cast<char>(v1::PRESENCE_NOT_VISIBLE));
    column->presence.push_back(static_cast<char>(v1::PRESENCE_EMPTY));
    return;
  }
  if (column->is_text) MakeCells(column);
  column->cells.resize(row + 1);
  column->cells[row] = std::move(cell);
}

void BatchBuilder::MakeCells(Column* column) {
  column->is_text = false;
  column->cells.resize(column->presence.size());
  absl::string_view texts = column->texts;
  for (size_t i = 0; i < column->cells.size(); ++i) {
    if (column->presence[i] == static_cast<char>(v1::PRESENCE_EMPTY)) column->cells[i].mutable_empty();
    if (column->presence[i] != static_cast<char>(v1::PRESENCE_PRESENT)) continue;
    const absl::string_view text = TakeText(&texts);
    column->cells[i].set_text(text.data(), text.size());
  }
  column->texts.clear();
  column->presence.clear();
  column->text_count = 0;
}

v1::Column BatchBuilder::Encoded(Column* column) {
  v1::Column out;
  out.set_attribute(static_cast<uint32_t>(column - columns_.data()));
  column->cells.resize(rows_);
  EncodeColumn(std::move(column->cells), &out);
  return out;
}

void BatchBuilder::Clear() {
  rows_ = size_bytes_ = 0;
  has_names_ = false;
  ids_.clear();
  names_.clear();
  for (Column& column : columns_) {
    column.presence.clear();
    column.texts.clear();
    column.text_count = 0;
    column.cells.clear();
    column.is_text = true;
  }
}

v1::RecordBatch BatchBuilder::Take() {
  v1::RecordBatch batch;
  const std::string bytes = TakeBytes(1);
  const std::optional<absl::string_view> content = OnlyField(bytes, 1);
  // Texts that are not UTF-8 are in it all the same; whoever reads them refuses them.
  (void)batch.ParsePartialFromArray(content->data(), static_cast<int>(content->size()));
  return batch;
}

std::string BatchBuilder::TakeBytes(uint32_t field) {
  std::string head;
  if (object_class_ != 0) PutNumber(1, object_class_, &head);
  if (scope_ != 0) PutNumber(2, scope_, &head);
  // What stands before the texts of each column, and the texts, or what it is as a whole.
  std::vector<std::pair<std::string, absl::string_view>> parts;
  size_t size = head.size() + ids_.size() + (has_names_ ? names_.size() : 0);
  for (size_t i = 0; i < columns_.size(); ++i) {
    Column& column = columns_[i];
    if (column.is_text && column.presence.empty()) continue;
    auto& [before, texts] = parts.emplace_back();
    if (!column.is_text) {
      PutBytes(5, Encoded(&column).SerializeAsString(), &before);
    } else {
      std::string content;
      if (i != 0) PutNumber(1, i, &content);
      column.presence.resize(rows_, static_cast<char>(v1::PRESENCE_NOT_VISIBLE));
      if (column.text_count < rows_) PutBytes(2, column.presence, &content);
      if (column.text_count > 0) {
        texts = column.texts;
        PutLength(3, texts.size(), &content);
      }
      PutLength(5, content.size() + texts.size(), &before);
      before += content;
    }
    size += before.size() + texts.size();
  }
  std::string bytes;
  bytes.reserve(size + 16);
  PutLength(field, size, &bytes);
  bytes += head;
  bytes += ids_;
  if (has_names_) bytes += names_;
  for (const auto& [before, texts] : parts) {
    bytes += before;
    bytes.append(texts.data(), texts.size());
  }
  Clear();
  return bytes;
}

size_t RowBytes(absl::string_view id, absl::string_view name, const Cells& cells) {
  size_t bytes = id.size() + name.size() + 8;
  for (const auto& text : cells.texts) bytes += text.second.size() + 6;
  for (const auto& cell : cells.others) bytes += cell.second.ByteSizeLong() + 6;
  return bytes;
}

v1::CivilDate DateToProto(absl::CivilDay day) {
  v1::CivilDate date;
  date.set_year(static_cast<int32_t>(day.year()));
  date.set_month(day.month());
  date.set_day(day.day());
  return date;
}

absl::StatusOr<absl::CivilDay> DateFromProto(const v1::CivilDate& date) {
  const absl::CivilDay day(date.year(), date.month(), date.day());  // Normalises, so that 31 April becomes 1 May.
  if (day.year() != date.year() || day.month() != date.month() || day.day() != date.day() || date.year() < 1 ||
      date.year() > 9999) {
    return absl::InvalidArgumentError("a date that no calendar has");
  }
  return day;
}

}  // namespace sluice::wire
