#include "sdk/wire/columns.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "google/protobuf/util/message_differencer.h"

namespace sluice::wire {
namespace {

namespace v1 = connector::v1;
using google::protobuf::util::MessageDifferencer;

v1::Value Text(const std::string& text) {
  v1::Value value;
  value.set_text(text);
  return value;
}
v1::Value Integer(int64_t integer) {
  v1::Value value;
  value.set_integer(integer);
  return value;
}
v1::Value Empty() {
  v1::Value value;
  value.mutable_empty();
  return value;
}
v1::Value Date(int year, int month, int day) {
  v1::Value value;
  *value.mutable_date() = DateToProto(absl::CivilDay(year, month, day));
  return value;
}
v1::Value Time(int64_t seconds, int32_t nanos) {
  v1::Value value;
  value.mutable_time()->set_seconds(seconds);
  value.mutable_time()->set_nanos(nanos);
  return value;
}
v1::Value Reference(const std::string& object_class, const std::string& id) {
  v1::Value value;
  value.mutable_reference()->set_object_class(object_class);
  value.mutable_reference()->set_id(id);
  return value;
}
v1::Value Number(double number) {
  v1::Value value;
  value.set_number(number);
  return value;
}
v1::Value Data(const std::string& data) {
  v1::Value value;
  value.set_data(data);
  return value;
}
v1::Value List(std::vector<v1::Value> values, bool partial = false) {
  v1::Value value;
  value.mutable_list()->set_partial(partial);
  for (auto& item : values) *value.mutable_list()->add_values() = item;
  return value;
}

void ExpectRoundTrip(const std::vector<v1::Value>& cells, v1::Column::ValuesCase expected) {
  v1::Column column;
  EncodeColumn(cells, &column);
  EXPECT_EQ(column.values_case(), expected);
  auto decoded = DecodeColumn(column, cells.size());
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  for (size_t i = 0; i < cells.size(); ++i) {
    EXPECT_TRUE(MessageDifferencer::Equals(cells[i], (*decoded)[i])) << i << ": " << (*decoded)[i].ShortDebugString();
  }
}

TEST(Columns, EachKindOfColumnComesBackAsItWas) {
  ExpectRoundTrip({Text("a"), v1::Value(), Empty(), Text("")}, v1::Column::kTexts);
  ExpectRoundTrip({Integer(-1), Integer(1LL << 62)}, v1::Column::kIntegers);
  ExpectRoundTrip({Date(1969, 12, 31), Empty(), Date(2026, 8, 1)}, v1::Column::kDates);
  ExpectRoundTrip({List({Text("a"), Text("b")}), List({}), List({Text("c")}, true), Empty(), v1::Value()},
                  v1::Column::kLists);
  ExpectRoundTrip({List({List({Integer(1)}), List({})}), List({List({Integer(2), Integer(3)})})}, v1::Column::kLists);
  ExpectRoundTrip({List({Text("a"), Empty(), Integer(1)})}, v1::Column::kLists);
  ExpectRoundTrip({Number(0.8), Empty(), Number(-1)}, v1::Column::kNumbers);
  ExpectRoundTrip({Data(std::string("\0\1", 2)), Data("")}, v1::Column::kDatas);
  ExpectRoundTrip({Time(0, 0), Time(-1, 999999000), Time(1790000000, 5000)}, v1::Column::kTimes);
  ExpectRoundTrip({Reference("user", "a"), Empty(), Reference("user", "b")}, v1::Column::kReferences);
  ExpectRoundTrip({List({Reference("user", "a"), Reference("user", "b")})}, v1::Column::kLists);
  ExpectRoundTrip({Text("a"), Integer(1), Empty()}, v1::Column::kOthers);
  ExpectRoundTrip({Empty(), v1::Value()}, v1::Column::VALUES_NOT_SET);
}

TEST(Columns, WhatATypedListCannotSayGoesAsItIs) {
  ExpectRoundTrip({Time(0, 1), Time(5, 0)}, v1::Column::kOthers);
  ExpectRoundTrip({Time(int64_t{1} << 60, 0)}, v1::Column::kOthers);
  ExpectRoundTrip({Reference("user", "a"), Reference("computer", "b")}, v1::Column::kOthers);
}

TEST(Columns, AnUnknownPresenceIsNotVisible) {
  v1::Column column;
  column.set_presence(std::string("\x01\x09\x00\x02", 4));
  column.mutable_texts()->add_values("a");
  auto cells = DecodeColumn(column, 4);
  ASSERT_TRUE(cells.ok()) << cells.status();
  EXPECT_EQ((*cells)[0].text(), "a");
  EXPECT_EQ(PresenceOf((*cells)[1]), v1::PRESENCE_NOT_VISIBLE);
  EXPECT_EQ(PresenceOf((*cells)[2]), v1::PRESENCE_NOT_VISIBLE);
  EXPECT_EQ(PresenceOf((*cells)[3]), v1::PRESENCE_EMPTY);
}

TEST(Columns, ValuesThatDoNotFitThePresenceAreRefused) {
  v1::Column column;
  column.mutable_texts()->add_values("a");
  EXPECT_FALSE(DecodeColumn(column, 2).ok());
  column.set_presence(std::string("\x01", 1));
  EXPECT_FALSE(DecodeColumn(column, 2).ok());
  v1::Column lists;
  lists.mutable_lists()->add_lengths(4000000000u);
  EXPECT_FALSE(DecodeColumn(lists, 1).ok());
}

TEST(Columns, ABatchIsCheckedAgainstTheSchema) {
  v1::StreamSchema schema;
  auto* person = schema.add_classes();
  person->set_object_class("person");
  person->add_attributes("name");
  person->add_attributes("born");
  schema.add_scopes();
  BatchBuilder builder(0, 0, 2);
  builder.Add("1", "", {{{0, "Ng"}}, {}});
  builder.Add("2", "two", {{}, {{1, Date(2010, 2, 28)}}});
  EXPECT_EQ(builder.rows(), 2u);
  v1::RecordBatch batch = builder.Take();
  EXPECT_EQ(builder.rows(), 0u);
  auto rows = DecodeBatch(batch, schema);
  ASSERT_TRUE(rows.ok()) << rows.status();
  ASSERT_EQ(rows->size(), 2u);
  EXPECT_EQ((*rows)[0].cells[0].text(), "Ng");
  EXPECT_EQ(PresenceOf((*rows)[1].cells[0]), v1::PRESENCE_NOT_VISIBLE);
  EXPECT_EQ((*rows)[1].name, "two");

  v1::RecordBatch bad = batch;
  bad.set_object_class(7);
  EXPECT_FALSE(DecodeBatch(bad, schema).ok());
  bad = batch;
  bad.set_scope(7);
  EXPECT_FALSE(DecodeBatch(bad, schema).ok());
  bad = batch;
  bad.mutable_columns(0)->set_attribute(7);
  EXPECT_FALSE(DecodeBatch(bad, schema).ok());
  bad = batch;
  bad.mutable_columns(0)->set_attribute(bad.columns(1).attribute());
  EXPECT_FALSE(DecodeBatch(bad, schema).ok());
  bad = batch;
  bad.set_ids(0, "");
  EXPECT_FALSE(DecodeBatch(bad, schema).ok());
}

TEST(Columns, DatesThatNoCalendarHasAreRefused) {
  v1::CivilDate date;
  date.set_year(2026);
  date.set_month(2);
  date.set_day(30);
  EXPECT_FALSE(DateFromProto(date).ok());
  v1::Value bad;
  *bad.mutable_date() = date;
  ExpectRoundTrip({bad, Date(2026, 1, 1)}, v1::Column::kOthers);
}

TEST(Columns, RandomBytesNeverDoMoreThanFail) {
  std::mt19937 random(7);
  for (int round = 0; round < 20000; ++round) {
    std::string bytes(random() % 40, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    v1::Column column;
    if (column.ParseFromString(bytes)) DecodeColumn(column, random() % 5).status().IgnoreError();
  }
}

}  // namespace
}  // namespace sluice::wire
