// Records of the school as Connect shows them: sparse JSON, in the period that peilschooljaar names, with the fields
// that are granted. Pure functions of their arguments; the caller holds the lock of the school.
#ifndef PLUGINS_SOMTODAY_TWIN_RENDER_H_
#define PLUGINS_SOMTODAY_TWIN_RENDER_H_

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/somtoday/twin/rights.h"
#include "plugins/somtoday/twin/school.h"

namespace sluice::somtoday_twin {

enum class Peil { kNow, kCurrent, kNext };  // omitted, HUIDIG, VOLGEND

// What a request may look at.
struct View {
  Day today = 0;
  int school_year = 0;
  Day from = 0, until = 0;  // Placements and service that overlap this are shown.
  Day members_from = 0;     // Memberships that overlap [members_from, until] are shown.
};
View MakeView(Peil peil, Day today);

// Which records of `entity` a list holds, in the order of their uuids.
std::vector<uint32_t> ListOf(const School& school, std::string_view entity, int vestiging, const View& view);

// The plural array of an entity in the envelope: "leerlingen".
std::string_view EnvelopeOf(std::string_view entity);

const std::string& UuidOf(const School& school, std::string_view entity, uint32_t index);

// The fields of one entity in one vestiging that may be seen.
using Seen = std::set<std::string, std::less<>>;
struct Eyes {
  Seen own, plaatsing;
};
Eyes EyesOf(const Rights& rights, int vestiging, std::string_view entity);

// One record, patches applied. For "plaatsing" the index is pupil * 64 + number of the placement.
std::string RenderRecord(const School& school, std::string_view entity, int vestiging, uint64_t index, const View& view,
                         const Eyes& eyes);

// {"uuid":true, ...}.
std::string RenderPermissions(const Rights& rights, int vestiging, std::string_view entity);

std::string RenderVestiging(const School& school, const Rights& rights, int vestiging);

// Everything, whatever is granted: the truth that a test compares with.
std::string RenderState(const School& school, Day today);

}  // namespace sluice::somtoday_twin

#endif  // PLUGINS_SOMTODAY_TWIN_RENDER_H_
