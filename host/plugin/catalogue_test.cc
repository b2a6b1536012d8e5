#include "host/plugin/catalogue.h"

#include <gmock/gmock.h>

#include "host/plugin/testing/packages.h"

namespace sluice::plugin {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class CatalogueTest : public ::testing::Test {
 protected:
  void Install(const std::string& folder, const std::string& manifest, const std::string& executable = "run") {
    const std::string package = absl::StrCat(root_.path(), "/", folder);
    WriteFile(package + "/manifest.json", manifest);
    WriteFile(package + "/" + executable, "#!/bin/sh\n");
    std::filesystem::permissions(package + "/" + executable, std::filesystem::perms::owner_all);
  }
  std::string Error(const std::string& connector) const {
    return std::string(Catalogue::Read({root_.path()}).Find(connector).status().message());
  }
  base::TemporaryFolder root_;
};

TEST_F(CatalogueTest, TheNewestVersionThatMatchesIsTaken) {
  Install("a", Manifest("sluice.somtoday", "1.9.0", "run"));
  Install("b", Manifest("sluice.somtoday", "1.10.0", "run"));
  Install("c", Manifest("sluice.somtoday", "2.0.0", "run"));
  WriteFile(root_.path() + "/b/mapping.yaml", "person: {}\n");
  const Catalogue catalogue = Catalogue::Read({root_.path()});
  EXPECT_THAT(catalogue.problems(), IsEmpty());
  EXPECT_EQ(catalogue.Find("sluice.somtoday@1")->version, "1.10.0");
  EXPECT_EQ(catalogue.Find("sluice.somtoday@1")->mapping_path, root_.path() + "/b/mapping.yaml");
  EXPECT_EQ(catalogue.Find("sluice.somtoday@1.9")->version, "1.9.0");
  EXPECT_EQ(catalogue.Find("sluice.somtoday@1.9")->mapping_path, "");
  EXPECT_EQ(catalogue.Find("sluice.somtoday@2")->executable, root_.path() + "/c/run");
}

TEST_F(CatalogueTest, AnUnknownConnectorIsToldWithTheNearestKnown) {
  Install("a", Manifest("sluice.somtoday", "1.0.0", "run"));
  EXPECT_EQ(Error("sluice.somtday@1"), "unknown connector \"sluice.somtday\"; did you mean \"sluice.somtoday\"?");
  EXPECT_EQ(Error("acme.payroll@1"), "unknown connector \"acme.payroll\"; installed are sluice.somtoday");
}

TEST_F(CatalogueTest, AWrongVersionIsToldWithThoseThatAreInstalled) {
  Install("a", Manifest("sluice.ad", "1.0.0", "run"));
  Install("b", Manifest("sluice.ad", "1.1.0", "run"));
  EXPECT_EQ(Error("sluice.ad@2"), "connector \"sluice.ad\" has no version 2; installed are 1.1.0, 1.0.0");
  EXPECT_EQ(Error("sluice.ad@1.2"), "connector \"sluice.ad\" has no version 1.2; installed are 1.1.0, 1.0.0");
  EXPECT_EQ(Error("sluice.ad"),
            "connector \"sluice.ad\" names no version; write sluice.ad@1 (installed are 1.1.0, 1.0.0)");
  EXPECT_EQ(Error("sluice.ad@one"), "connector \"sluice.ad@one\": \"one\" is not a version such as 1, 1.2 or 1.2.3");
}

TEST_F(CatalogueTest, ABrokenManifestNamesItsFileAndWhatIsWrongAndHidesNothingElse) {
  Install("good", Manifest("sluice.ad", "1.0.0", "run"));
  struct Case {
    std::string manifest, problem;
  };
  const std::string kinds = R"("kinds":["source"],"protocol":{"min":1,"max":1}})";
  const std::vector<Case> cases = {
      {"{", "it is not JSON"},
      {"[]", "it is not a JSON object"},
      {R"({"schema":2})", "\"schema\" must be 1"},
      {R"({"schema":1,"name":5})", "\"name\" is missing or is not a text"},
      {R"({"schema":1,"name":"../x","version":"1.0.0"})",
       "\"name\" must be lower-case letters, digits, '.', '_' and '-'"},
      {R"({"schema":1,"name":"x","version":"1.x"})", "\"1.x\" is not a version such as 1, 1.2 or 1.2.3"},
      {R"({"schema":1,"name":"x","version":"1.0.0","kinds":["sink"]})",
       "\"kinds\" may hold \"source\" and \"target\" only"},
      {R"({"schema":1,"name":"x","version":"1.0.0","executable":"../sh",)" + kinds,
       "\"executable\" must be the name of a file beside the manifest"},
      {R"({"schema":1,"name":"x","version":"1.0.0","executable":"gone",)" + kinds,
       absl::StrCat("\"executable\": ", root_.path(), "/bad/gone is not a program")},
      {R"({"schema":1,"name":"x","version":"1.0.0","executable":"run","kinds":["source"],"protocol":{"min":2,"max":1}})",
       "\"protocol.min\" is above \"protocol.max\""},
  };
  for (const Case& c : cases) {
    Install("bad", c.manifest);
    const Catalogue catalogue = Catalogue::Read({root_.path()});
    EXPECT_THAT(catalogue.problems(), ElementsAre(absl::StrCat(root_.path(), "/bad/manifest.json: ", c.problem)));
    EXPECT_TRUE(catalogue.Find("sluice.ad@1").ok());
    EXPECT_THAT(Error("x@1"), HasSubstr("/bad/manifest.json: ")) << "whoever looks for it is told";
  }
}

TEST_F(CatalogueTest, ADirectoryThatIsNotThereIsAProblemOfItsOwn) {
  const Catalogue catalogue = Catalogue::Read({root_.path() + "/none"});
  ASSERT_EQ(catalogue.problems().size(), 1u);
  EXPECT_THAT(catalogue.problems()[0], HasSubstr("/none: this plugin directory cannot be read"));
}

}  // namespace
}  // namespace sluice::plugin
