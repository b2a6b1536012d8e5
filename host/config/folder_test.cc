// What lies in the folder beside good files: links, folders in the place of files, pipes, what is too large, and what
// changes while it is read. Each is one error, and none of it hangs or ends the program.
#include "host/config/folder.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "host/config/testing.h"

namespace sluice::config {
namespace {

namespace fs = std::filesystem;

class FolderTest : public ::testing::Test {
 protected:
  FolderTest() : root_(secrets_.path()), folder_(root_ + "/school") {
    fs::copy(absl::StrCat(testing::DataFolder(), "/small"), folder_, fs::copy_options::recursive);
    fs::create_directories(root_ + "/elsewhere/rules");
    Write("../elsewhere/rules/more.yaml", "- rule: More\n  when: { some_contract: {} }\n  grants: [ad/account]\n");
  }

  void Write(const std::string& path, const std::string& content) { std::ofstream(folder_ + "/" + path) << content; }
  void Link(const std::string& path, const std::string& to) { fs::create_symlink(to, folder_ + "/" + path); }

  // Of the folder's files only, not of what is in them.
  std::string Errors(const std::function<void()>& meanwhile = {}) {
    Diagnostics diagnostics;
    files_ = ReadFolder(folder_, diagnostics, meanwhile);
    return absl::StrReplaceAll(testing::Lines(diagnostics.TakeErrors()), {{root_, "$ROOT"}});
  }

  testing::SecretsFolder secrets_;
  std::string root_, folder_;
  std::map<std::string, std::string> files_;
};

TEST_F(FolderTest, AGoodFolderIsReadWholeAlsoThroughALinkToIt) {
  EXPECT_EQ(Errors(), "");
  EXPECT_EQ(files_, testing::FilesOf("small"));
  fs::create_symlink(folder_, root_ + "/current");
  folder_ = root_ + "/current";
  EXPECT_EQ(Errors(), "");
  EXPECT_EQ(files_, testing::FilesOf("small"));
}

TEST_F(FolderTest, ALinkOutOfTheFolderIsNotFollowed) {
  Link("rules/more.yaml", "../../elsewhere/rules/more.yaml");
  Link("rules/shadow.yaml", "/etc/passwd");
  EXPECT_EQ(Errors(),
            "rules/more.yaml: this link leads out of the folder; put the file itself here\n"
            "rules/shadow.yaml: this link leads out of the folder; put the file itself here\n");
  EXPECT_EQ(files_, testing::FilesOf("small"));
}

TEST_F(FolderTest, ALinkWithinTheFolderIsAFile) {
  fs::create_directory(folder_ + "/.kept");
  fs::rename(folder_ + "/rules/pupils.yaml", folder_ + "/.kept/pupils.yaml");
  Link("rules/pupils.yaml", "../.kept/pupils.yaml");
  EXPECT_EQ(Errors(), "");
  EXPECT_EQ(files_, testing::FilesOf("small"));
}

TEST_F(FolderTest, LinksThatLeadToNothingAndToFoldersAreTold) {
  Link("rules/gone.yaml", "../nowhere.yaml");
  Link("rules/round.yaml", "round.yaml");
  fs::remove_all(folder_ + "/roles");
  Link("roles", "../elsewhere/rules");
  Link("LICENCE", "/nowhere");
  EXPECT_EQ(Errors(),
            "roles: a link to a folder is not followed; put the folder itself here\n"
            "rules/gone.yaml: this link leads to nothing; put the file itself here, or remove it\n"
            "rules/round.yaml: this link leads to nothing; put the file itself here, or remove it\n");
}

TEST_F(FolderTest, WhatIsNoFileIsTold) {
  fs::create_directories(folder_ + "/rules/more.yaml/even.yaml");
  fs::remove_all(folder_ + "/roles");
  Write("roles", "");
  ASSERT_EQ(mkfifo((folder_ + "/systems/pipe.yaml").c_str(), 0600), 0);
  Link("systems/null.yaml", "/dev/null");
  EXPECT_EQ(Errors(),
            "rules/more.yaml: this is a folder and not a file; rename it, or put a file here\n"
            "systems/null.yaml: this is no file that can be read; put a file here\n"
            "systems/pipe.yaml: this is no file that can be read; put a file here\n");
}

TEST_F(FolderTest, AFolderThatIsNoneIsTold) {
  folder_ = root_ + "/nowhere";
  EXPECT_EQ(Errors(),
            "$ROOT/nowhere: the folder cannot be read (No such file or directory); name the configuration's folder\n");
  folder_ = root_ + "/school/sluice.yaml";
  EXPECT_EQ(Errors(),
            "$ROOT/school/sluice.yaml: the folder cannot be read (Not a directory); name the configuration's folder\n");
}

TEST_F(FolderTest, WhereNothingCouldBeReadNothingElseIsMissing) {
  const LoadResult result = Load(root_ + "/nowhere", testing::FakePackages(), nullptr);
  EXPECT_FALSE(result.ok());
  EXPECT_EQ(result.errors.size(), 1u) << testing::Lines(result.errors);
}

TEST_F(FolderTest, WhatMayNotBeReadIsTold) {
  if (geteuid() == 0) {  // Nothing is kept from root, but for what the system itself keeps.
    Diagnostics diagnostics;
    EXPECT_EQ(ReadWholeFile("/proc/self/mem", {"rules/pupils.yaml"}, diagnostics), "");
    EXPECT_EQ(testing::Lines(diagnostics.TakeErrors()),
              "rules/pupils.yaml: the file cannot be read (Input/output error); let the host read it\n");
    return;
  }
  fs::permissions(folder_ + "/rules/pupils.yaml", fs::perms::none);
  fs::permissions(folder_ + "/roles", fs::perms::none);
  EXPECT_EQ(Errors(),
            "roles: the folder cannot be read (Permission denied); let the host read it\n"
            "rules/pupils.yaml: the file cannot be read (Permission denied); let the host read it\n");
  fs::permissions(folder_ + "/roles", fs::perms::owner_all);
}

TEST_F(FolderTest, AnEnormousFileIsNotTakenIn) {
  // Without a byte on the disk.
  Write("rules/pupils.yaml", "");
  fs::resize_file(folder_ + "/rules/pupils.yaml", uintmax_t{1} << 40);
  EXPECT_EQ(Errors(), "");
  EXPECT_LT(files_["rules/pupils.yaml"].size(), 5u << 20);
  LoadOptions options;
  options.checks_secrets = false;
  const LoadResult result = Load(folder_, testing::FakePackages(), nullptr, options);
  EXPECT_EQ(testing::Lines(result.errors), "rules/pupils.yaml: the file is larger than 4 MiB; divide it\n");
}

TEST_F(FolderTest, WhatChangesWhileItIsReadIsNoConfiguration) {
  const std::string told =
      "$ROOT/school: files were changed while they were read; check again when nobody writes them\n";
  EXPECT_EQ(Errors([&] { Write("rules/late.yaml", "- rule: Late\n"); }), told);
  EXPECT_EQ(Errors([&] { fs::remove(folder_ + "/rules/late.yaml"); }), told);
  EXPECT_EQ(Errors([&] { std::ofstream(folder_ + "/rules/pupils.yaml", std::ios::app) << "#\n"; }), told);
  // As an editor or git replaces a file: another one of the same size.
  EXPECT_EQ(Errors([&] {
              fs::copy(folder_ + "/rules/pupils.yaml", folder_ + "/new");
              fs::rename(folder_ + "/new", folder_ + "/rules/pupils.yaml");
            }),
            told);
  EXPECT_EQ(Errors([&] { Write("README.md", "Ours.\n"); }), "") << "no part of the configuration";
}

}  // namespace
}  // namespace sluice::config
