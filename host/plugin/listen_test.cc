#include "host/plugin/listen.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>

#include "host/base/testing/temporary_folder.h"

namespace sluice::plugin {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(ListenTest, EachLaunchHasAKeyOfItsOwn) {
  auto one = MakeTlsIdentity("sluice-host");
  auto other = MakeTlsIdentity("sluice-host");
  ASSERT_TRUE(one.ok() && other.ok());
  EXPECT_NE(one->key_pem, other->key_pem);
  EXPECT_NE(one->certificate_der, other->certificate_der);
  EXPECT_THAT(one->key_pem, HasSubstr("PRIVATE KEY"));
  EXPECT_EQ(*CertificateToPem(one->certificate_der), one->certificate_pem);
}

TEST(ListenTest, WhatIsNoCertificateIsTold) {
  EXPECT_FALSE(CertificateToPem("").ok());
  EXPECT_FALSE(CertificateToPem(std::string(500, 'x')).ok());
  auto identity = MakeTlsIdentity("sluice-host");
  ASSERT_TRUE(identity.ok());
  EXPECT_FALSE(CertificateToPem(identity->certificate_der + "x").ok()) << "nothing may follow it";
  EXPECT_FALSE(CertificateToPem(identity->certificate_der.substr(0, 100)).ok());
}

TEST(ListenTest, APlaceIsPrivateAndLeavesNothingBehind) {
  base::TemporaryFolder folder;
  auto inside = ListenPlace::Make(folder.path(), "");
  ASSERT_TRUE(inside.ok());
  EXPECT_EQ((*inside)->path(), folder.path() + "/grpc.sock");
  auto own = ListenPlace::Make("", folder.path());
  ASSERT_TRUE(own.ok());
  EXPECT_THAT((*own)->path(), StartsWith(folder.path() + "/sluice."));
  const std::string directory = std::filesystem::path((*own)->path()).parent_path();
  struct stat info = {};
  ASSERT_EQ(stat(directory.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
  own->reset();
  EXPECT_FALSE(std::filesystem::exists(directory));
  inside->reset();
  EXPECT_TRUE(std::filesystem::exists(folder.path())) << "whoever gave it removes it";
}

TEST(ListenTest, APathThatIsTooLongForASocketIsNotUsed) {
  base::TemporaryFolder folder;
  const std::string deep = folder.path() + "/" + std::string(120, 'd');
  std::filesystem::create_directory(deep);
  auto place = ListenPlace::Make(deep, deep);
  ASSERT_TRUE(place.ok()) << place.status();
  EXPECT_LE((*place)->path().size(), 107u);
}

}  // namespace
}  // namespace sluice::plugin
