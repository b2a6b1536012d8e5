#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "host/base/status.h"
#include "host/plugin/convert_internal.h"
#include "host/plugin/import_check_internal.h"
#include "host/plugin/log_lines.h"

namespace sluice::plugin {
namespace {

namespace v1 = connector::v1;

absl::Status Refused(absl::string_view why) {
  engine::Failure failure;
  failure.reason = engine::Reason::kBug;
  failure.message = absl::StrCat("the import is refused: ", why);
  return engine::FailureToStatus(failure);
}

std::string Shown(const std::string& text) { return absl::StrCat("\"", HarmlessText(text, 200), "\""); }

core::Completeness CompletenessOf(const v1::ImportEnd::ClassEnd& end) {
  switch (end.state()) {
    case v1::ImportEnd::COMPLETE:  // One that says why it is not complete is not.
      return end.has_error() ? core::Completeness::kPartial : core::Completeness::kComplete;
    case v1::ImportEnd::PARTIAL:
      return core::Completeness::kPartial;
    default:
      return core::Completeness::kNotRead;
  }
}

bool IsVisible(char presence) { return presence != static_cast<char>(v1::PRESENCE_NOT_VISIBLE); }

}  // namespace

ImportCheck::ImportCheck(const engine::ReadPlan& plan) {
  for (const engine::ReadClass& c : plan.classes) {
    asked_[c.object_class].insert(c.attributes.begin(), c.attributes.end());
  }
}

absl::Status ImportCheck::CheckBegun(v1::ImportFrame::FrameCase frame) const {
  if (has_end_) return Refused("the plugin went on after its end");
  if (!has_schema_ && frame != v1::ImportFrame::kSchema && frame != v1::ImportFrame::kProgress &&
      frame != v1::ImportFrame::kDiagnostic) {
    return Refused("the plugin sent data before its schema");
  }
  return absl::OkStatus();
}

absl::Status ImportCheck::TakeBytes(absl::string_view bytes, Given* given) {
  if (const auto records = wire::OnlyField(bytes, v1::ImportFrame::kRecordsFieldNumber); records.has_value()) {
    RETURN_IF_ERROR(CheckBegun(v1::ImportFrame::kRecords));
    return TakeRecords(*records, given);
  }
  v1::ImportFrame frame;
  if (!frame.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return Refused("the plugin sent something that is not a frame of an import");
  }
  return Take(frame, given);
}

absl::Status ImportCheck::Take(const v1::ImportFrame& frame, Given* given) {
  RETURN_IF_ERROR(CheckBegun(frame.frame_case()));
  switch (frame.frame_case()) {
    case v1::ImportFrame::kSchema:
      return TakeSchema(frame.schema(), given);
    case v1::ImportFrame::kRecords:
      return TakeRecords(frame.records().SerializeAsString(), given);
    case v1::ImportFrame::kDeleted:  // Whoever reads everything learns nothing from it, but for the number.
      RETURN_IF_ERROR(CheckIndexes(frame.deleted().object_class(), frame.deleted().scope()));
      deleted_[{frame.deleted().scope(), frame.deleted().object_class()}] +=
          static_cast<uint64_t>(frame.deleted().ids_size());
      return absl::OkStatus();
    case v1::ImportFrame::kCheckpoint:  // Every import is a full one; cursors are not kept.
      return CheckIndexes(0, frame.checkpoint().scope());
    case v1::ImportFrame::kDiagnostic:
      given->warnings.push_back(DiagnosticText(frame.diagnostic()));
      return absl::OkStatus();
    case v1::ImportFrame::kProgress:
      given->has_progress = true;
      given->progress = {HarmlessText(frame.progress().activity(), 200), frame.progress().done(),
                         frame.progress().expected()};
      return absl::OkStatus();
    case v1::ImportFrame::kEnd:
      return TakeEnd(frame.end());
    case v1::ImportFrame::FRAME_NOT_SET:  // A kind of frame that came later than this build.
      return absl::OkStatus();
  }
  return absl::OkStatus();
}

absl::Status ImportCheck::TakeSchema(const v1::StreamSchema& schema, Given* given) {
  if (has_schema_) return Refused("the plugin sent two schemas");
  has_schema_ = true;
  schema_ = schema;
  std::set<std::string> names, scope_ids;
  std::vector<std::string> not_asked;
  for (const v1::StreamSchema::ClassColumns& columns : schema.classes()) {
    if (!names.insert(columns.object_class()).second) {
      return Refused(absl::StrCat("its schema has class ", Shown(columns.object_class()), " twice"));
    }
    Class c;
    c.name = columns.object_class();
    const auto asked = asked_.find(c.name);
    c.is_asked = asked_.empty() || asked != asked_.end();
    if (!c.is_asked) not_asked.push_back(HarmlessText(c.name, 100));
    std::set<std::string> attributes;
    for (const std::string& attribute : columns.attributes()) {
      if (!attributes.insert(attribute).second) {
        return Refused(
            absl::StrCat("its schema has attribute ", Shown(attribute), " of class ", Shown(c.name), " twice"));
      }
      const bool all = asked == asked_.end() || asked->second.empty();
      c.attribute_is_asked.push_back(all || asked->second.count(attribute) > 0);
      c.attribute_names.push_back(core::Fields::NameOf(attribute));
    }
    classes_.push_back(std::move(c));
  }
  for (const v1::Scope& scope : schema.scopes()) {
    if (!scope_ids.insert(scope.id()).second)
      return Refused(absl::StrCat("its schema has scope ", Shown(scope.id()), " twice"));
    scopes_.emplace_back(scope.id(), HarmlessText(scope.label(), 500));
  }
  if (!not_asked.empty()) {
    given->warnings.push_back(absl::StrCat("the connector offers ", absl::StrJoin(not_asked, ", "),
                                           ", which nobody asked for; it is left out"));
  }
  return absl::OkStatus();
}

std::string ImportCheck::Where(uint32_t object_class, uint32_t scope) const {
  std::string text = absl::StrCat("class ", Shown(classes_[object_class].name));
  const std::string& id = scopes_[scope].first;
  if (!id.empty()) absl::StrAppend(&text, " of scope ", Shown(id));
  return text;
}

absl::Status ImportCheck::CheckIndexes(uint32_t object_class, uint32_t scope) const {
  if (scope >= scopes_.size()) {
    return Refused(absl::StrCat("it speaks of scope number ", scope, ", its schema has ", scopes_.size()));
  }
  if (object_class >= classes_.size() && !(object_class == 0 && classes_.empty())) {
    return Refused(absl::StrCat("it speaks of class number ", object_class, ", its schema has ", classes_.size()));
  }
  return absl::OkStatus();
}

absl::Status ImportCheck::TakeRecords(absl::string_view bytes, Given* given) {
  if (classes_.empty()) return Refused("it sent records, its schema has no class");
  wire::BatchView batch;
  if (absl::Status status = wire::ReadBatch(bytes, &batch); !status.ok()) return Refused(status.message());
  RETURN_IF_ERROR(CheckIndexes(batch.object_class, batch.scope));
  const auto misfit = [&](const absl::Status& status) {
    return Refused(
        absl::StrCat("a batch of ", Where(batch.object_class, batch.scope), " does not fit: ", status.message()));
  };
  if (absl::Status status = wire::CheckBatch(batch, schema_); !status.ok()) return misfit(status);
  const Class& object_class = classes_[batch.object_class];
  std::vector<core::Record> records(batch.ids.size());
  for (size_t i = 0; i < records.size(); ++i) {
    records[i].scope = scopes_[batch.scope].first;
    records[i].object_class = object_class.name;
    records[i].id = std::string(batch.ids[i]);
    if (!batch.names.empty()) records[i].name = std::string(batch.names[i]);
  }
  if (absl::Status status = TakeCells(batch, &records); !status.ok()) return misfit(status);
  counts_[{batch.scope, batch.object_class}] += records.size();
  if (object_class.is_asked) given->records = std::move(records);
  return absl::OkStatus();
}

absl::Status ImportCheck::TakeCells(const wire::BatchView& batch, std::vector<core::Record>* records) const {
  struct Column {
    const core::Shared<std::string>* name;
    absl::string_view presence;
    wire::CellReader cells;
  };
  const Class& object_class = classes_[batch.object_class];
  std::vector<Column> columns;
  columns.reserve(batch.columns.size());
  for (const wire::BatchView::Column* column : InOrderOfNames(batch)) {
    Column& added = columns.emplace_back();
    if (absl::Status fits = added.cells.Start(*column, records->size()); !fits.ok()) {
      return wire::Misfit(batch, absl::StrCat("attribute ", column->attribute, ": ", fits.message()));
    }
    if (!object_class.attribute_is_asked[column->attribute]) {
      columns.pop_back();
      continue;
    }
    added.name = &object_class.attribute_names[column->attribute];
    added.presence = column->presence;
  }
  for (size_t row = 0; row < records->size(); ++row) {
    // No more room than is needed: a large school holds millions of them.
    core::Fields::Slots slots;
    slots.reserve(static_cast<size_t>(std::count_if(columns.begin(), columns.end(), [&](const Column& column) {
      return row >= column.presence.size() || IsVisible(column.presence[row]);
    })));
    for (Column& column : columns) {
      const wire::CellReader::Cell cell = column.cells.Next();
      if (cell.text.has_value()) {
        slots.push_back({*column.name, core::Value::Text(*cell.text)});
      } else if (cell.value != nullptr) {
        core::Value value = ValueFromProto(*cell.value);
        if (value.is_visible()) slots.push_back({*column.name, std::move(value)});
      }
    }
    (*records)[row].attributes = core::Fields::InOrder(std::move(slots));
  }
  return absl::OkStatus();
}

std::vector<const wire::BatchView::Column*> ImportCheck::InOrderOfNames(const wire::BatchView& batch) const {
  const auto& names = classes_[batch.object_class].attribute_names;
  std::vector<const wire::BatchView::Column*> columns;
  for (const wire::BatchView::Column& column : batch.columns) columns.push_back(&column);
  std::sort(columns.begin(), columns.end(), [&](const wire::BatchView::Column* a, const wire::BatchView::Column* b) {
    return *names[a->attribute] < *names[b->attribute];
  });
  return columns;
}

absl::Status ImportCheck::TakeEnd(const v1::ImportEnd& end) {
  has_end_ = true;
  std::set<uint32_t> seen;
  for (const v1::ImportEnd::ScopeEnd& scope : end.scopes()) RETURN_IF_ERROR(TakeScopeEnd(scope, &seen));
  for (uint32_t scope = 0; scope < scopes_.size(); ++scope) {
    if (seen.count(scope) == 0) {
      return Refused(absl::StrCat("its end says nothing of scope ", Shown(scopes_[scope].first)));
    }
  }
  return absl::OkStatus();
}

absl::Status ImportCheck::TakeScopeEnd(const v1::ImportEnd::ScopeEnd& end, std::set<uint32_t>* seen) {
  RETURN_IF_ERROR(CheckIndexes(0, end.scope()));
  if (!seen->insert(end.scope()).second) {
    return Refused(absl::StrCat("its end has scope ", Shown(scopes_[end.scope()].first), " twice"));
  }
  std::set<uint32_t> ended;
  std::set<std::string> names;
  for (const v1::ImportEnd::ClassEnd& c : end.classes()) {
    if (c.object_class() >= classes_.size()) {
      return Refused(
          absl::StrCat("its end speaks of class number ", c.object_class(), ", its schema has ", classes_.size()));
    }
    const std::string where = Where(c.object_class(), end.scope());
    if (!ended.insert(c.object_class()).second) return Refused(absl::StrCat("its end has ", where, " twice"));
    const auto counted = counts_.find({end.scope(), c.object_class()});
    const uint64_t came = counted == counts_.end() ? 0 : counted->second;
    if (came != c.records()) {
      return Refused(absl::StrCat(c.records(), " records of ", where, " were sent, says its end; ", came, " came"));
    }
    const auto gone = deleted_.find({end.scope(), c.object_class()});
    if ((gone == deleted_.end() ? 0 : gone->second) != c.deleted()) {
      return Refused(absl::StrCat("its end says that ", c.deleted(), " of ", where, " were deleted, it sent ",
                                  gone == deleted_.end() ? 0 : gone->second));
    }
    const Class& object_class = classes_[c.object_class()];
    names.insert(object_class.name);
    if (!object_class.is_asked) continue;
    core::ClassState state;
    state.scope = scopes_[end.scope()].first;
    state.object_class = object_class.name;
    state.completeness = CompletenessOf(c);
    state.records = static_cast<int64_t>(came);
    if (state.completeness != core::Completeness::kComplete) {
      const engine::Failure failure = FailureFromProto(c.error());
      state.error = failure.target_status.empty() ? failure.message
                                                  : absl::StrCat(failure.message, " (", failure.target_status, ")");
    }
    states_.push_back(std::move(state));
  }
  for (const auto& [key, count] : counts_) {
    if (key.first == end.scope() && count > 0 && ended.count(key.second) == 0) {
      return Refused(
          absl::StrCat(count, " records of ", Where(key.second, key.first), " came, its end says nothing of them"));
    }
  }
  return CheckAsked(scopes_[end.scope()].first, names);
}

absl::Status ImportCheck::CheckAsked(const std::string& scope, const std::set<std::string>& seen) const {
  for (const auto& [name, attributes] : asked_) {
    if (seen.count(name) == 0) {
      return Refused(absl::StrCat("its end says nothing of class ", Shown(name),
                                  scope.empty() ? "" : absl::StrCat(" of scope ", Shown(scope)),
                                  ", which was asked for"));
    }
  }
  return absl::OkStatus();
}

absl::Status ImportCheck::Finish() const {
  if (!has_schema_) return Refused("the plugin ended it before it began: no schema, no end");
  if (!has_end_) return Refused("the plugin ended it without an end, so what it sent is not all");
  return absl::OkStatus();
}

}  // namespace sluice::plugin
