#include "plugins/active_directory/src/names.h"

#include <gtest/gtest.h>

namespace sluice::active_directory {
namespace {

TEST(FoldCase, MakesUpperAndLowerCaseOfEuropeanScriptsAlike) {
  EXPECT_EQ(FoldCase("ÖZGÜR Çelik ŠKODA ΑΒΓ ЖУК"), FoldCase("özgür çelik škoda αβγ жук"));
  EXPECT_NE(FoldCase("Jansen"), FoldCase("Janssen"));
}

TEST(FoldCase, LeavesBytesThatAreNoTextAsTheyAre) { EXPECT_EQ(FoldCase("\xff\xfe A"), "\xff\xfe a"); }

TEST(Filter, EscapesWhatWouldMeanSomething) {
  EXPECT_EQ(EscapeFilterValue(R"(a*b(c)d\e)"), R"(a\2ab\28c\29d\5ce)");
  EXPECT_EQ(EscapeFilterValue(std::string("\0", 1)), R"(\00)");
  EXPECT_EQ(EscapeFilterValue("Zoë"), "Zoë");
}

TEST(Filter, OfAnEmptyValueMatchesNothing) {
  EXPECT_EQ(Equals("employeeID", ""), "(!(objectClass=*))");
  EXPECT_EQ(AnyOf({}), "(!(objectClass=*))");
}

TEST(Filter, OfAGuidIsItsBytes) {
  EXPECT_EQ(Equals("objectGUID", "01020304-0506-0708-090a-0b0c0d0e0f10"),
            R"((objectGUID=\04\03\02\01\06\05\08\07\09\0a\0b\0c\0d\0e\0f\10))");
  EXPECT_EQ(Equals("objectGUID", "no guid"), "(!(objectClass=*))");
}

TEST(Dn, EscapesWhatRfc4514Asks) {
  EXPECT_EQ(EscapeDnValue("Ö'Brien, Jr."), R"(Ö'Brien\, Jr.)");
  EXPECT_EQ(EscapeDnValue(" #a+b\"c\\d<e>f;g "), R"(\ #a\+b\"c\\d\<e\>f\;g\ )");
  EXPECT_EQ(EscapeDnValue("#1"), R"(\#1)");
  EXPECT_EQ(EscapeDnValue("a\nb"), R"(a\0ab)");
}

TEST(Dn, ReadsBackWhatItWrites) {
  for (const char* value :
       {"Ö'Brien, Jr.", " lead", "trail ", "#1", "a+b", "back\\slash", "eq=ual", "\"quoted\"", "two  spaces", "😀"}) {
    const Dn dn = Dn(std::vector<Rdn>{{"DC", "test"}}).Child("CN", value);
    auto again = Dn::Parse(dn.ToString());
    ASSERT_TRUE(again.ok()) << value << ": " << again.status();
    EXPECT_EQ(again->parts()[0].value, value);
  }
}

TEST(Dn, ReadsHexadecimalEscapesAndSpacesBetweenParts) {
  auto dn = Dn::Parse(R"(CN=Zo\C3\AB \2C x , OU=a)");
  ASSERT_TRUE(dn.ok());
  EXPECT_EQ(dn->parts()[0].value, "Zoë , x");
  EXPECT_EQ(dn->ToString(), R"(CN=Zoë \, x,OU=a)");
}

TEST(Dn, DiffersNeitherInCaseNorInEscaping) {
  EXPECT_EQ(Dn::Parse(R"(cn=\C3\96 a,ou=X)")->Key(), Dn::Parse("CN=ö A,OU=x")->Key());
}

TEST(Dn, RefusesWhatIsNoName) {
  for (const char* text : {"a", "=b", "CN=", "CN=a,", "CN=a+SN=b", "CN=a\\"})
    EXPECT_FALSE(Dn::Parse(text).ok()) << text;
  EXPECT_TRUE(Dn::Parse("")->empty());
}

TEST(Dn, KnowsItsPlaceBelowABase) {
  const Dn base = *Dn::Parse("DC=ad,DC=test");
  EXPECT_EQ(Dn::Parse("OU=a,OU=b,dc=AD,dc=TEST")->RelativeTo(base)->ToString(), "OU=a,OU=b");
  EXPECT_FALSE(Dn::Parse("OU=a,DC=other")->RelativeTo(base).has_value());
  EXPECT_EQ(Dn::Parse("OU=a")->Below(base).ToString(), "OU=a,DC=ad,DC=test");
}

TEST(Guid, TextSwapsTheFirstThreeFields) {
  const std::string bytes("\x04\x03\x02\x01\x06\x05\x08\x07\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10", 16);
  EXPECT_EQ(*GuidToText(bytes), "01020304-0506-0708-090a-0b0c0d0e0f10");
  EXPECT_EQ(*GuidToBytes("01020304-0506-0708-090A-0B0C0D0E0F10"), bytes);
  EXPECT_FALSE(GuidToText("short").ok());
  EXPECT_FALSE(GuidToBytes("01020304-0506-0708-090a-0b0c0d0e0f1").ok());
}

TEST(Guid, IsFoundInAnExtendedNameInBothForms) {
  EXPECT_EQ(*GuidOfExtendedDn("<GUID=01020304-0506-0708-090A-0b0c0d0e0f10>;<SID=S-1-5>;CN=a,DC=b"),
            "01020304-0506-0708-090a-0b0c0d0e0f10");
  EXPECT_EQ(*GuidOfExtendedDn("<GUID=0403020106050807090a0b0c0d0e0f10>;CN=a"), "01020304-0506-0708-090a-0b0c0d0e0f10");
  EXPECT_FALSE(GuidOfExtendedDn("CN=a").has_value());
  EXPECT_EQ(NameOfExtendedDn("<GUID=01020304-0506-0708-090a-0b0c0d0e0f10>;<SID=S-1-5>;CN=a,DC=b"), "CN=a,DC=b");
}

TEST(Password, IsQuotedUtf16WithTheLittleEndFirst) {
  EXPECT_EQ(*PasswordBytes("aë"), std::string("\"\0a\0\xeb\0\"\0", 8));
  EXPECT_EQ(*PasswordBytes("😀"), std::string("\"\0\x3d\xd8\x00\xde\"\0", 8));
  EXPECT_FALSE(PasswordBytes("\xff").ok());
}

TEST(Length, CountsCharactersNotBytes) { EXPECT_EQ(LengthOf("Zoë Çelik"), 9u); }

}  // namespace
}  // namespace sluice::active_directory
