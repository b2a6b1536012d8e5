#include "sdk/wire/batch_view.h"

#include <gtest/gtest.h>

#include <random>

#include "google/protobuf/util/message_differencer.h"
#include "sdk/wire/columns.h"
#include "sdk/wire/put.h"

namespace sluice::wire {
namespace {

namespace v1 = connector::v1;

// What a batch says, in one text: by protobuf, and by the view.
std::string Said(const v1::RecordBatch& batch) {
  std::string said = absl::StrCat(batch.object_class(), "/", batch.scope(), ":");
  for (const std::string& id : batch.ids()) absl::StrAppend(&said, " id ", id);
  for (const std::string& name : batch.names()) absl::StrAppend(&said, " name ", name);
  for (const v1::Column& column : batch.columns()) {
    absl::StrAppend(&said, "\n", column.attribute(), "[", column.presence(), "]");
    auto cells = DecodeColumn(column, static_cast<size_t>(batch.ids_size()));
    if (!cells.ok()) absl::StrAppend(&said, " no");
    for (size_t i = 0; cells.ok() && i < cells->size(); ++i)
      absl::StrAppend(&said, " ", (*cells)[i].ShortDebugString());
  }
  return said;
}

std::string Said(const BatchView& batch) {
  std::string said = absl::StrCat(batch.object_class, "/", batch.scope, ":");
  for (absl::string_view id : batch.ids) absl::StrAppend(&said, " id ", id);
  for (absl::string_view name : batch.names) absl::StrAppend(&said, " name ", name);
  for (const BatchView::Column& column : batch.columns) {
    absl::StrAppend(&said, "\n", column.attribute, "[", column.presence, "]");
    CellReader cells;
    const bool is_fit = cells.Start(column, batch.ids.size()).ok();
    if (!is_fit) absl::StrAppend(&said, " no");
    for (size_t i = 0; is_fit && i < batch.ids.size(); ++i) {
      const CellReader::Cell cell = cells.Next();
      v1::Value value;
      if (cell.text) value.set_text(std::string(*cell.text));
      if (cell.value != nullptr) value = *cell.value;
      absl::StrAppend(&said, " ", value.ShortDebugString());
    }
  }
  return said;
}

// What protobuf does not read is no concern: a column that is no message is found when its cells are asked for.
void ExpectSameAsProtobuf(const std::string& bytes, const std::string& why, bool may_refuse = false) {
  v1::RecordBatch batch;
  BatchView view;
  if (!batch.ParseFromString(bytes)) return;
  const bool is_read = ReadBatch(bytes, &view).ok();
  EXPECT_TRUE(is_read || may_refuse) << why;
  if (is_read) {
    EXPECT_EQ(Said(view), Said(batch)) << why;
  }
}

std::string SomeBatch(std::mt19937& random) {
  BatchBuilder builder(random() % 3, random() % 3, 4);
  const size_t rows = random() % 5;
  for (size_t row = 0; row < rows; ++row) {
    const std::string id = absl::StrCat("id-", row), text = std::string(random() % 300, 'x') + "\u00eb";
    Cells cells;
    for (size_t attribute = 0; attribute < 4; ++attribute) {
      v1::Value value;
      switch (random() % 4) {
        case 0:
          cells.texts.emplace_back(attribute, text);
          break;
        case 1:
          value.mutable_empty();
          cells.others.emplace_back(attribute, value);
          break;
        case 2:
          value.set_integer(static_cast<int64_t>(random()));
          if (attribute > 1) cells.others.emplace_back(attribute, value);
          break;
        default:
          break;
      }
    }
    builder.Add(id, row % 2 == 0 ? "" : "a name", std::move(cells));
  }
  const std::string bytes = builder.TakeBytes(2);
  return std::string(*OnlyField(bytes, 2));
}

TEST(BatchView, WhatABuilderMakesIsReadAsProtobufReadsIt) {
  std::mt19937 random(11);
  for (int round = 0; round < 500; ++round) {
    const std::string bytes = SomeBatch(random);
    v1::RecordBatch batch;
    ASSERT_TRUE(batch.ParseFromString(bytes));
    ExpectSameAsProtobuf(bytes, absl::StrCat("round ", round));
  }
}

TEST(BatchView, WhatIsDamagedIsRefusedOrReadAsProtobufReadsIt) {
  std::mt19937 random(12);
  for (int round = 0; round < 20000; ++round) {
    std::string bytes = SomeBatch(random);
    if (bytes.empty()) continue;
    for (size_t changes = 1 + random() % 3; changes > 0; --changes) {
      const size_t at = random() % bytes.size();
      switch (random() % 3) {
        case 0:
          bytes[at] = static_cast<char>(random());
          break;
        case 1:
          bytes.insert(at, 1, static_cast<char>(random() % 64));
          break;
        default:
          bytes.resize(at + 1);
      }
    }
    ExpectSameAsProtobuf(bytes, absl::StrCat("round ", round), true);  // Groups, which proto3 has not, are refused.
  }
}

TEST(BatchView, AColumnInPartsOrWithOddTagsIsReadAllTheSame) {
  v1::RecordBatch batch;
  batch.add_ids("1");
  batch.add_ids("2");
  std::string column;
  for (const char* text : {"a", "b"}) {  // A oneof that comes twice is one with both.
    std::string texts;
    PutBytes(1, text, &texts);
    PutBytes(3, texts, &column);
  }
  std::string bytes = batch.SerializeAsString();
  PutBytes(5, column, &bytes);
  ExpectSameAsProtobuf(bytes, "in two parts");
  std::string texts("\x8a\x00\x01z\x0a\x81\x00y", 8);  // Tag and length in more bytes than are needed.
  column.clear();
  PutBytes(3, texts, &column);
  bytes = batch.SerializeAsString();
  PutBytes(5, column, &bytes);
  ExpectSameAsProtobuf(bytes, "long numbers");
  PutNumber(99, 7, &bytes);
  ExpectSameAsProtobuf(bytes, "a field of later");
}

TEST(BatchView, ATextThatIsNotUtf8IsRefused) {
  for (size_t where = 0; where < 3; ++where) {
    BatchBuilder builder(0, 0, 1);
    const auto text = [&](size_t place) { return place == where ? "caf\xe9" : "cafe"; };
    Cells cells;
    cells.texts.emplace_back(0, text(2));
    builder.Add(text(0), text(1), std::move(cells));
    const std::string bytes = builder.TakeBytes(2);
    BatchView view;
    EXPECT_FALSE(ReadBatch(*OnlyField(bytes, 2), &view).ok()) << where;
  }
}

TEST(BatchView, AFrameOfMoreThanRecordsIsNotTakenForThem) {
  std::string bytes;
  PutBytes(2, "", &bytes);
  EXPECT_TRUE(OnlyField(bytes, 2).has_value());
  EXPECT_FALSE(OnlyField(bytes, 3).has_value());
  PutBytes(7, "", &bytes);  // An end in the same frame: protobuf's last one wins.
  EXPECT_FALSE(OnlyField(bytes, 2).has_value());
  EXPECT_FALSE(OnlyField("", 2).has_value());
}

}  // namespace
}  // namespace sluice::wire
