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
  store::Commit commit;
  const std::string date = absl::FormatCivilTime(today);
  const std::string id = base::UuidOf({"block", kHostSystem, kClockKind, date});
  ASSIGN_OR_RETURN(const std::vector<store::BlockRecord> blocks, context_.store->LoadBlocks());
  const bool is_jump = last && (today < *last || today - *last > 2);
  bool is_known = false;
  for (store::BlockRecord known : blocks) {  // Of other dates: nobody needs to decide on them any more.
    if (known.system != kHostSystem || known.kind != kClockKind) continue;
    is_known |= known.id == id;
    if (known.id == id && is_jump) continue;
    known.state = "gone";
    commit.blocks.push_back(std::move(known));
  }
  if (last && *last == today && commit.blocks.empty()) return today;
  if (!is_jump) {
    commit.as_of = today;
    RETURN_IF_ERROR(context_.store->Write(commit));
    return today;
  }
  store::BlockRecord block;
  block.id = id;
  block.system = kHostSystem;
  block.kind = kClockKind;
  block.detail = date;
  block.ids = {date};
  block.verdict = absl::StrCat("the date jumped from ", absl::FormatCivilTime(*last), " to ", date, " (",
                               today > *last ? "+" : "", today - *last, " days)");
  block.state = "waiting";
  block.since = context_.clock->Now();
  if (!is_known) commit.blocks.push_back(block);
  if (!commit.blocks.empty()) RETURN_IF_ERROR(context_.store->Write(commit));
  return absl::FailedPreconditionError(absl::StrCat(
      block.verdict, ": nothing is read or changed until somebody looks. If the date is right: sluice block approve ",
      block.id.substr(0, 8), " --reason ..."));
}

}  // namespace sluice::engine
