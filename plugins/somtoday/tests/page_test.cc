#include "plugins/somtoday/src/page.h"

#include <gtest/gtest.h>

namespace sluice::somtoday {
namespace {

TEST(Page, IsReadAsItStands) {
  const std::string text =
      R"({"leerlingen":[{"uuid":"a","roepnaam":"Zoë \"Ü\" \u00e9\ud83d\ude00","leerjaar":2,"saldo":-3,"deel":0.5,)"
      R"("isActief":true,"einddatum":null,"mentoren":[],"stamgroep":{"naam":"V2A"},"groot":18446744073709551615}],)"
      R"("veldpermissies":{"uuid":true}})";
  const auto page = ReadPage(text, true);
  ASSERT_TRUE(page.has_value());
  EXPECT_EQ(*page, Json::parse(text));
  EXPECT_TRUE((*page)["leerlingen"][0]["leerjaar"].is_number_integer());
}

TEST(Page, IsWithoutWhatNobodyReads) {
  const std::string text =
      R"({"leerlingen":[{"uuid":"a","vakkeuzes":[{"vak":"wi"}],"adres":{},"verzorgers":[1],"debiteurGegevens":{},)"
      R"("lesgroepen":[{"uuid":"g"}]}]})";
  EXPECT_EQ(*ReadPage(text, true), Json::parse(R"({"leerlingen":[{"uuid":"a","lesgroepen":[{"uuid":"g"}]}]})"));
  EXPECT_EQ(*ReadPage(text, false), Json::parse(R"({"leerlingen":[{"uuid":"a"}]})"));
  const std::string groups = R"({"lesgroepen":[{"uuid":"g"}]})";
  EXPECT_EQ(*ReadPage(groups, false), Json::parse(groups)) << "a list of class groups is no branch of a person";
}

TEST(Page, WhatOnlyAPatientReaderTakesIsReadTheSame) {
  const std::string strange =
      "\xef\xbb\xbf{\"leerlingen\":[{\"uuid\":\"a\",\"adres\":{},\"lesgroepen\":[],"
      "\"nummer\":123456789012345678901234567890}]}";
  const auto page = ReadPage(strange, false);
  ASSERT_TRUE(page.has_value());
  EXPECT_EQ((*page)["leerlingen"][0].size(), 2u);
}

TEST(Page, IsNothingWhenItIsBrokenOrNoObject) {
  for (const char* text : {"", "{", "<html>", R"({"leerlingen":[{"uuid":"a"})", "[]", "1", "{} {}", "{\"a\":\"\xff\"}"})
    EXPECT_FALSE(ReadPage(text, true).has_value()) << text;
}

}  // namespace
}  // namespace sluice::somtoday
