#include "sdk/wire/columns.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"

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
      case v1::Column::kTexts:  // VisitColumn gives these as they are.
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

absl::Status Misfit(const v1::RecordBatch& batch, absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("a batch of ", batch.ids_size(), " records of class ", batch.object_class(), ": ", what));
}

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

absl::Status VisitColumn(const v1::Column& column, size_t rows, CellVisitor cell) {
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
  const bool is_text = column.values_case() == v1::Column::kTexts;
  v1::Value empty;
  empty.mutable_empty();
  int next_text = 0;
  for (size_t i = 0; i < rows; ++i) {
    const v1::Presence present = presence.empty() ? v1::PRESENCE_PRESENT : PresenceOfByte(presence[i]);
    if (present == v1::PRESENCE_EMPTY) cell(i, nullptr, &empty);
    if (is_unknown || !HoldsValue(present)) continue;
    if (is_text) {
      cell(i, &column.texts().values(next_text++), nullptr);
      continue;
    }
    v1::Value value = values.Next();
    if (present == v1::PRESENCE_PARTIAL && value.has_list()) value.mutable_list()->set_partial(true);
    cell(i, nullptr, &value);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<v1::Value>> DecodeColumn(const v1::Column& column, size_t rows) {
  std::vector<v1::Value> cells;
  auto status = VisitColumn(column, rows, [&](size_t row, const std::string* text, const v1::Value* value) {
    cells.resize(rows);  // Not before the column was found to fit.
    if (text != nullptr) cells[row].set_text(*text);
    if (value != nullptr) cells[row] = *value;
  });
  if (!status.ok()) return status;
  cells.resize(rows);
  return cells;
}

absl::Status CheckBatch(const v1::RecordBatch& batch, const v1::StreamSchema& schema) {
  if (batch.object_class() >= static_cast<uint32_t>(schema.classes_size()))
    return Misfit(batch, "the schema has no such class");
  if (batch.scope() >= static_cast<uint32_t>(schema.scopes_size()))
    return Misfit(batch, "the schema has no such scope");
  if (batch.names_size() != 0 && batch.names_size() != batch.ids_size())
    return Misfit(batch, "names and ids differ in number");
  for (const std::string& id : batch.ids()) {
    if (id.empty()) return Misfit(batch, "a record has no id");
  }
  const size_t attributes =
      static_cast<size_t>(schema.classes(static_cast<int>(batch.object_class())).attributes_size());
  std::vector<bool> seen(attributes, false);
  for (const v1::Column& column : batch.columns()) {
    if (column.attribute() >= attributes)
      return Misfit(batch, absl::StrCat("the schema has no attribute ", column.attribute()));
    if (seen[column.attribute()]) return Misfit(batch, absl::StrCat("attribute ", column.attribute(), " comes twice"));
    seen[column.attribute()] = true;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Row>> DecodeBatch(const v1::RecordBatch& batch, const v1::StreamSchema& schema) {
  if (auto status = CheckBatch(batch, schema); !status.ok()) return status;
  std::vector<Row> rows(static_cast<size_t>(batch.ids_size()));
  for (size_t i = 0; i < rows.size(); ++i) {
    rows[i].id = batch.ids(static_cast<int>(i));
    if (batch.names_size() != 0) rows[i].name = batch.names(static_cast<int>(i));
    rows[i].cells.resize(static_cast<size_t>(schema.classes(static_cast<int>(batch.object_class())).attributes_size()));
  }
  for (const v1::Column& column : batch.columns()) {
    auto cells = DecodeColumn(column, rows.size());
    if (!cells.ok())
      return Misfit(batch, absl::StrCat("attribute ", column.attribute(), ": ", cells.status().message()));
    for (size_t i = 0; i < rows.size(); ++i) rows[i].cells[column.attribute()] = std::move((*cells)[i]);
  }
  return rows;
}

BatchBuilder::BatchBuilder(uint32_t object_class, uint32_t scope, size_t attributes)
    : object_class_(object_class), scope_(scope), columns_(attributes) {}

void BatchBuilder::Add(absl::string_view id, absl::string_view name, Cells cells) {
  size_bytes_ += RowBytes(id, name, cells);
  const size_t row = rows();
  has_names_ = has_names_ || !name.empty();
  batch_.add_ids(id.data(), id.size());
  batch_.add_names(name.data(), name.size());
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
  column->texts.add_values(text.data(), text.size());
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
  int next = 0;
  for (size_t i = 0; i < column->cells.size(); ++i) {
    if (column->presence[i] == static_cast<char>(v1::PRESENCE_EMPTY)) column->cells[i].mutable_empty();
    if (column->presence[i] != static_cast<char>(v1::PRESENCE_PRESENT)) continue;
    column->cells[i].set_text(std::move(*column->texts.mutable_values(next++)));
  }
  column->texts.Clear();
  column->presence.clear();
}

v1::RecordBatch BatchBuilder::Take() {
  v1::RecordBatch batch = std::exchange(batch_, {});
  batch.set_object_class(object_class_);
  batch.set_scope(scope_);
  if (!has_names_) batch.clear_names();
  const size_t rows = static_cast<size_t>(batch.ids_size());
  for (size_t i = 0; i < columns_.size(); ++i) {
    Column& column = columns_[i];
    if (column.is_text && column.presence.empty()) continue;
    v1::Column* out = batch.add_columns();
    out->set_attribute(static_cast<uint32_t>(i));
    if (column.is_text) {
      column.presence.resize(rows, static_cast<char>(v1::PRESENCE_NOT_VISIBLE));
      if (static_cast<size_t>(column.texts.values_size()) < rows) out->set_presence(column.presence);
      if (column.texts.values_size() > 0) out->mutable_texts()->Swap(&column.texts);
      column.presence.clear();
    } else {
      column.cells.resize(rows);
      EncodeColumn(std::move(column.cells), out);
      column.cells.clear();
      column.is_text = true;
    }
  }
  has_names_ = false;
  size_bytes_ = 0;
  return batch;
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
