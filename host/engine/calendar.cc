#include "host/engine/calendar.h"

#include "absl/strings/str_cat.h"
#include "host/base/hash.h"
#include "host/base/status.h"

namespace sluice::engine {

absl::CivilDay Calendar::Today() const {
  return absl::ToCivilDay(context_.clock->Now(), context_.configuration()->time_zone);
}

absl::StatusOr<absl::CivilDay> Calendar::AcceptedToday() const {
  const absl::CivilDay today = Today();
  ASSIGN_OR_RETURN(const std::optional<absl::CivilDay> last, context_.store->LoadAsOf());
  if (last && *last == today) return today;
  if (!last || (today > *last && today - *last <= 2)) {
    store::Commit commit;
    commit.as_of = today;
    RETURN_IF_ERROR(context_.store->Write(commit));
    return today;
  }
  const std::string date = absl::FormatCivilTime(today);
  store::BlockRecord block;
  block.id = base::UuidOf({"block", kHostSystem, kClockKind, date});
  block.system = kHostSystem;
  block.kind = kClockKind;
  block.detail = date;
  block.ids = {date};
  block.verdict = absl::StrCat("the date jumped from ", absl::FormatCivilTime(*last), " to ", date, " (",
                               today > *last ? "+" : "", today - *last, " days)");
  block.state = "waiting";
  block.since = context_.clock->Now();
  ASSIGN_OR_RETURN(const std::vector<store::BlockRecord> blocks, context_.store->LoadBlocks());
  bool is_known = false;
  for (const store::BlockRecord& known : blocks) is_known |= known.id == block.id && known.state == "waiting";
  if (!is_known) {
    store::Commit commit;
    commit.blocks.push_back(block);
    RETURN_IF_ERROR(context_.store->Write(commit));
  }
  return absl::FailedPreconditionError(absl::StrCat(
      block.verdict, ": nothing is read or changed until somebody looks. If the date is right: sluice block approve ",
      block.id.substr(0, 8), " --reason ..."));
}

}  // namespace sluice::engine
