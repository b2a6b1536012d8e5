#include <gmock/gmock.h>

#include <functional>

#include "host/plugin/import_check_internal.h"

namespace sluice::plugin {
namespace {

namespace v1 = connector::v1;
using core::Completeness;
using core::Value;
using ::testing::HasSubstr;

engine::ReadPlan Plan() {
  engine::ReadPlan plan;
  plan.classes = {{"person", {"name", "number"}}, {"group", {}}};
  return plan;
}

v1::ImportFrame SchemaFrame() {
  v1::ImportFrame frame;
  auto* person = frame.mutable_schema()->add_classes();
  person->set_object_class("person");
  for (const char* attribute : {"name", "number", "bsn"}) person->add_attributes(attribute);
  frame.mutable_schema()->add_classes()->set_object_class("group");
  frame.mutable_schema()->mutable_classes(1)->add_attributes("label");
  frame.mutable_schema()->add_scopes()->set_id("north");
  frame.mutable_schema()->add_scopes()->set_id("south");
  return frame;
}

v1::ImportFrame PersonFrame(std::vector<std::string> ids) {
  v1::ImportFrame frame;
  for (const std::string& id : ids) frame.mutable_records()->add_ids(id);
  return frame;
}

v1::ImportFrame EndFrame(uint64_t people_in_north) {
  v1::ImportFrame frame;
  for (uint32_t scope : {0u, 1u}) {
    auto* end = frame.mutable_end()->add_scopes();
    end->set_scope(scope);
    for (uint32_t object_class : {0u, 1u}) {
      auto* c = end->add_classes();
      c->set_object_class(object_class);
      c->set_records(scope == 0 && object_class == 0 ? people_in_north : 0);
      c->set_state(v1::ImportEnd::COMPLETE);
    }
  }
  return frame;
}

// The message of the first frame that is refused, or of the verdict.
std::string Refusal(const std::vector<v1::ImportFrame>& frames) {
  ImportCheck check(Plan());
  for (const v1::ImportFrame& frame : frames) {
    ImportCheck::Given given;
    if (auto status = check.Take(frame, &given); !status.ok()) return std::string(status.message());
  }
  return std::string(check.Finish().message());
}

TEST(ImportCheckTest, AWholeImportIsBelieved) {
  ImportCheck check(Plan());
  ImportCheck::Given given;
  ASSERT_TRUE(check.Take(SchemaFrame(), &given).ok());
  v1::ImportFrame people = PersonFrame({"1", "2", "3", "4"});
  auto* name = people.mutable_records()->add_columns();
  name->set_presence(
      std::string("\1\2\3\x63", 4));  // Present, empty, not visible, and a presence that came later than we.
  name->mutable_texts()->add_values("Noor");
  auto* bsn = people.mutable_records()->add_columns();
  bsn->set_attribute(2);
  for (int i = 0; i < 4; ++i) bsn->mutable_integers()->add_values(123456782);
  ASSERT_TRUE(check.Take(people, &given).ok());
  ASSERT_EQ(given.records.size(), 4u);
  EXPECT_EQ(given.records[0].scope, "north");
  EXPECT_EQ(given.records[0].attributes.at("name"), Value::Text("Noor"));
  EXPECT_TRUE(given.records[1].attributes.at("name").is_empty());
  EXPECT_EQ(given.records[2].attributes.count("name"), 0u);
  EXPECT_EQ(given.records[3].attributes.count("name"), 0u) << "an unknown presence is not visible, never empty";
  EXPECT_EQ(given.records[0].attributes.count("bsn"), 0u) << "nobody asked for it";
  v1::ImportFrame end = EndFrame(4);
  auto* south = end.mutable_end()->mutable_scopes(1)->mutable_classes(0);
  south->set_state(v1::ImportEnd::NOT_READ);
  south->mutable_error()->set_reason(v1::REASON_FORBIDDEN);
  south->mutable_error()->add_diagnostics()->set_summary("no right for this location");
  south->mutable_error()->set_target_status("HTTP 401");
  ASSERT_TRUE(check.Take(end, &given).ok());
  ASSERT_TRUE(check.Finish().ok());
  ASSERT_EQ(check.scopes().size(), 2u);
  ASSERT_EQ(check.states().size(), 4u);
  EXPECT_EQ(check.states()[0].completeness, Completeness::kComplete);
  EXPECT_EQ(check.states()[0].records, 4);
  EXPECT_EQ(check.states()[2].completeness, Completeness::kNotRead);
  EXPECT_EQ(check.states()[2].error, "no right for this location (HTTP 401)");
}

TEST(ImportCheckTest, AHalfOrWrongImportIsRefusedWithOneClearLine) {
  v1::ImportFrame wrong_class = PersonFrame({"1"});
  wrong_class.mutable_records()->set_object_class(9);
  v1::ImportFrame wrong_scope = PersonFrame({"1"});
  wrong_scope.mutable_records()->set_scope(9);
  v1::ImportFrame wrong_attribute = PersonFrame({"1"});
  wrong_attribute.mutable_records()->add_columns()->set_attribute(9);
  v1::ImportFrame short_column = PersonFrame({"1", "2"});
  short_column.mutable_records()->add_columns()->mutable_texts()->add_values("one");
  v1::ImportFrame no_scope = EndFrame(0);
  no_scope.mutable_end()->mutable_scopes()->RemoveLast();
  v1::ImportFrame no_class = EndFrame(0);
  no_class.mutable_end()->mutable_scopes(1)->mutable_classes()->RemoveLast();
  v1::ImportFrame twice = EndFrame(0);
  twice.mutable_end()->mutable_scopes(1)->set_scope(0);
  v1::ImportFrame end_class = EndFrame(0);
  end_class.mutable_end()->mutable_scopes(0)->mutable_classes(1)->set_object_class(5);
  v1::ImportFrame deleted;
  deleted.mutable_deleted()->add_ids("1");
  struct Case {
    std::vector<v1::ImportFrame> frames;
    std::string message;
  };
  const std::vector<Case> cases = {
      {{}, "ended it before it began"},
      {{PersonFrame({"1"})}, "sent data before its schema"},
      {{SchemaFrame(), PersonFrame({"1"})}, "ended it without an end, so what it sent is not all"},
      {{SchemaFrame(), SchemaFrame()}, "sent two schemas"},
      {{SchemaFrame(), wrong_class}, "it speaks of class number 9, its schema has 2"},
      {{SchemaFrame(), wrong_scope}, "it speaks of scope number 9, its schema has 2"},
      {{SchemaFrame(), wrong_attribute}, "a batch of class \"person\" of scope \"north\" does not fit"},
      {{SchemaFrame(), short_column}, "1 values where presence says 2"},
      {{SchemaFrame(), PersonFrame({""})}, "a record has no id"},
      {{SchemaFrame(), PersonFrame({"1", "2"}), EndFrame(3)},
       "3 records of class \"person\" of scope \"north\" were sent, says its end; 2 came"},
      {{SchemaFrame(), deleted, EndFrame(0)},
       "its end says that 0 of class \"person\" of scope \"north\" were deleted, it sent 1"},
      {{SchemaFrame(), no_scope}, "its end says nothing of scope \"south\""},
      {{SchemaFrame(), no_class}, "its end says nothing of class \"group\" of scope \"south\", which was asked for"},
      {{SchemaFrame(), twice}, "its end has scope \"north\" twice"},
      {{SchemaFrame(), end_class}, "its end speaks of class number 5, its schema has 2"},
      {{SchemaFrame(), EndFrame(0), PersonFrame({"1"})}, "went on after its end"},
  };
  for (const Case& c : cases) EXPECT_THAT(Refusal(c.frames), HasSubstr(c.message));
}

TEST(ImportCheckTest, AStateThatExplainsItselfOrIsUnknownIsNotComplete) {
  ImportCheck check(Plan());
  ImportCheck::Given given;
  ASSERT_TRUE(check.Take(SchemaFrame(), &given).ok());
  v1::ImportFrame end = EndFrame(0);
  end.mutable_end()->mutable_scopes(0)->mutable_classes(0)->mutable_error()->set_reason(v1::REASON_TRANSIENT);
  end.mutable_end()->mutable_scopes(0)->mutable_classes(1)->set_state(static_cast<v1::ImportEnd::State>(77));
  ASSERT_TRUE(check.Take(end, &given).ok());
  EXPECT_EQ(check.states()[0].completeness, Completeness::kPartial);
  EXPECT_EQ(check.states()[1].completeness, Completeness::kNotRead);
}

}  // namespace
}  // namespace sluice::plugin
