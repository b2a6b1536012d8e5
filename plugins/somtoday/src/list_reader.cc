#include "plugins/somtoday/src/list_reader.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sluice/connector/error.h"

namespace sluice::somtoday {
namespace {

using connector::Error;
using connector::Reason;

constexpr int kMostPasses = 3;
constexpr int kMostPages = 20'000;

absl::Status DoesNotFit() {
  return Error(Reason::kTransient, "SOM-0302",
               "the list changed while it was read: its pages do not fit together; import again at a quiet time");
}

std::string IdOf(const Json& record) {
  const auto found = record.find("uuid");
  return found != record.end() && found->is_string() ? found->get<std::string>() : "";
}

bool IsOver(const absl::Status& status) { return Error::From(status).reason == Reason::kCancelled; }

}  // namespace

ListReader::ListReader(Session& session, std::string path, std::string envelope, OnPage on_page)
    : session_(session), path_(std::move(path)), envelope_(std::move(envelope)), on_page_(std::move(on_page)) {}

std::string ListReader::PathOf(size_t offset) const {
  return absl::StrCat(path_, "&offset=", offset, "&amount=", page_size());
}

ListReader::Outcome ListReader::Read() {
  Outcome outcome;
  for (int pass = 1; pass <= kMostPasses; ++pass) {
    outcome.whole = ReadOnce(outcome);
    if (outcome.whole.ok() || !outcome.abandoned.ok()) break;
    if (IsOver(outcome.whole)) {
      outcome.abandoned = outcome.whole;
      break;
    }
    const Error error = Error::From(outcome.whole);
    const bool again = !error.diagnostics.empty() && error.diagnostics[0].code == "SOM-0302";
    if (!again) break;
  }
  return outcome;
}

// The first page alone, then twice as many at a time as were full so far, up to the limit: a short list costs one
// request, not as many as are allowed in parallel.
void ListReader::Launch(Fetcher& fetcher, Pass& pass) {
  const int window = std::clamp(pass.full_pages * 2, 1, session_.options().parallel);
  while (pass.failure.ok() && pass.end < 0 && !pass.repeats && pass.next < kMostPages && fetcher.under_way() < window) {
    fetcher.Start(pass.next, PathOf(static_cast<size_t>(pass.next) * (page_size() - 1)), envelope_);
    ++pass.next;
  }
}

absl::Status ListReader::Take(Pass& pass, int index, const Json& body, Outcome& outcome) {
  const Json& records = body[envelope_];
  const auto permissions = body.find("veldpermissies");
  outcome.anything = true;
  Page page;
  page.records = records.size();
  bool something_new = false;
  for (const Json& record : records) something_new |= pass.seen.insert(IdOf(record)).second;
  if (!records.empty()) {
    page.first = IdOf(records.front());
    page.last = IdOf(records.back());
  }
  if (page.records >= page_size()) {
    ++pass.full_pages;
    if (index > 0 && !something_new) pass.repeats = true;
  } else {
    pass.end = pass.end < 0 ? index : std::min(pass.end, index);
  }
  pass.pages[index] = std::move(page);
  static const Json* const kNothing = new Json(Json::object());
  return on_page_(records, permissions == body.end() ? *kNothing : *permissions);
}

absl::Status ListReader::CheckFit(const Pass& pass) const {
  if (pass.repeats || pass.end < 0) {
    return Error(Reason::kTransient, "SOM-0303",
                 "the list has no end: its pages repeat what came before; tell Somtoday");
  }
  for (const auto& [index, page] : pass.pages) {
    if (page.records > page_size()) return DoesNotFit();
    if (index > pass.end) {
      if (page.records > 0) return DoesNotFit();
      continue;
    }
    if (index == 0) continue;
    const Page& before = pass.pages.at(index - 1);
    if (page.records == 0 || page.first != before.last) return DoesNotFit();
  }
  return absl::OkStatus();
}

absl::Status ListReader::LookAtEnd(Fetcher& fetcher, const Pass& pass, Outcome& outcome) {
  const Page& last = pass.pages.at(pass.end);
  const size_t start = static_cast<size_t>(pass.end) * (page_size() - 1);
  const size_t offset = last.records == 0 ? start : start + last.records - 1;
  auto body = fetcher.Get(PathOf(offset), envelope_);
  if (!body.ok()) return body.status();
  const Json& records = (*body)[envelope_];
  const bool fits = last.records == 0 ? records.empty() : records.size() == 1 && IdOf(records[0]) == last.last;
  if (fits) return absl::OkStatus();
  const auto permissions = body->find("veldpermissies");
  if (absl::Status status = on_page_(records, permissions == body->end() ? Json::object() : *permissions); !status.ok())
    outcome.abandoned = status;
  return DoesNotFit();
}

absl::Status ListReader::ReadOnce(Outcome& outcome) {
  Pass pass;
  Fetcher fetcher(session_);
  Launch(fetcher, pass);
  while (fetcher.under_way() > 0) {
    Fetcher::Reply reply = fetcher.Next();
    if (!reply.body.ok()) {
      if (pass.failure.ok()) pass.failure = reply.body.status();
    } else if (pass.failure.ok()) {
      if (absl::Status status = Take(pass, reply.tag, *reply.body, outcome); !status.ok()) {
        outcome.abandoned = status;
        pass.failure = status;
      }
    }
    Launch(fetcher, pass);
  }
  if (!pass.failure.ok()) return pass.failure;
  if (absl::Status status = CheckFit(pass); !status.ok()) return status;
  return LookAtEnd(fetcher, pass, outcome);
}

}  // namespace sluice::somtoday
