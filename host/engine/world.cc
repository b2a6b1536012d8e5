#include "host/engine/world.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "host/base/status.h"

namespace sluice::engine {

absl::StatusOr<std::shared_ptr<const core::State>> LoadState(const Context& context) {
  if (context.worlds != nullptr) {
    ASSIGN_OR_RETURN(const int64_t sequence, context.store->LoadStateSequence());
    if (auto known = context.worlds->Find(sequence)) return known;
  }
  std::map<std::string, std::vector<std::string>> activation_texts;
  ASSIGN_OR_RETURN(core::State state, context.store->LoadState(&activation_texts));
  for (const auto& [system, texts] : activation_texts) {
    for (absl::string_view text : texts) {  // "person:<id>" is in person_ids already.
      if (!absl::ConsumePrefix(&text, "when:")) continue;
      absl::StatusOr<core::Condition> condition = context.parse_condition(std::string(text));
      if (condition.ok()) {
        state.activations[system].conditions.push_back(*std::move(condition));
      } else {
        state.activations[system].unreadable.push_back(absl::StrCat(text, " (", condition.status().message(), ")"));
      }
    }
  }
  auto loaded = std::make_shared<const core::State>(std::move(state));
  if (context.worlds != nullptr) context.worlds->Keep(loaded);
  return loaded;
}

absl::StatusOr<World> LoadWorld(const Context& context, absl::CivilDay as_of) {
  World world;
  world.configuration = context.configuration();
  world.as_of = as_of;
  ASSIGN_OR_RETURN(world.snapshot, context.store->LoadSnapshot());
  ASSIGN_OR_RETURN(world.readings, context.store->LoadReadings());
  ASSIGN_OR_RETURN(world.state, LoadState(context));
  return world;
}

}  // namespace sluice::engine
