// What the connector reads of a real directory: lists, verdicts, schema, policy, rights.
#include "absl/strings/ascii.h"
#include "plugins/active_directory/tests/connector_fixture.h"

namespace sluice::active_directory {
namespace {

TEST_F(ConnectorTest, ListsEverythingInPagesWithOnlyWhatWasAskedFor) {
  const auto people = MakePeople("list", 1100);
  Operation update = Make(Action::kUpdate, kAccount, people[5]);
  update.deltas = {Set("title", "Docent")};
  ASSERT_EQ(ApplyOne(update).outcome, Outcome::kApplied);
  auto paged = Open(Samba::Get().System(0, 250));
  Records records;
  connector::ImportRequest request;
  request.classes = {{kAccount, {"cn", "parent", "enabled", "title", "employeeID", "noSuchAttribute"}},
                     {kContainer, {"ou", "parent"}},
                     {kPrincipal, {"sAMAccountName"}}};
  const auto status = paged->Import(request, records);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_TRUE(records.complete);
  EXPECT_THAT(records.complete_classes, testing::IsSupersetOf({kAccount, kContainer, kPrincipal}));
  const auto* person = records.Named("CN=list5," + Place());
  ASSERT_NE(person, nullptr);
  EXPECT_EQ(person->id(), people[5]);
  EXPECT_EQ(person->Get("cn"), Value("list5"));
  EXPECT_EQ(person->Get("parent"), Value(unit_));
  EXPECT_EQ(person->Get("enabled"), Value(false));
  EXPECT_EQ(person->Get("title"), Value("Docent"));
  EXPECT_EQ(person->Get("noSuchAttribute"), Value::NotVisible());
  EXPECT_EQ(records.Named("CN=list6," + Place())->Get("title"), Value::Empty());
  size_t here = 0;
  std::set<std::string> ids;
  for (const auto& record : records.records) {
    here += record.object_class() == kAccount && record.Get("parent") == Value(unit_);
    EXPECT_TRUE(ids.insert(record.object_class() + record.id()).second);
  }
  EXPECT_EQ(here, 1100u);
  EXPECT_GT(records.Count(kPrincipal), records.Count(kAccount)) << "computers and groups take names, too";
}

TEST_F(ConnectorTest, AClassThatCannotBeReadIsNotReadAndTheOthersAre) {
  connector::System system = Samba::Get().System();
  auto values = system.settings.values();
  values["groups_base"] = Value("OU=Not there");
  system.settings = connector::Settings(values, {{"bind_dn", system.settings.Secret("bind_dn")},
                                                 {"bind_password", system.settings.Secret("bind_password")}});
  auto connector = Open(system);
  Records records;
  connector::ImportRequest request;
  request.classes = {{kAccount, {"cn"}}, {kGroup, {"cn"}}};
  ASSERT_TRUE(connector->Import(request, records).ok());
  EXPECT_THAT(records.complete_classes, testing::ElementsAre(kAccount));
  ASSERT_TRUE(records.failed.contains(kGroup));
}

TEST_F(ConnectorTest, VerifiesByReading) {
  Operation create = Person("Verify", "verify", "v-1");
  EXPECT_EQ(connector_->Verify({create}).state, connector::Verdict::State::kNotDone);
  const std::string id = ApplyOne(create).object_id;
  const auto verdict = connector_->Verify({create});
  EXPECT_EQ(verdict.state, connector::Verdict::State::kDone);
  EXPECT_EQ(verdict.result->object_id, id);
  const std::string group = MakeGroup("verify-group");
  const Operation grant = Member(Action::kGrant, id, group), enable = Make(Action::kEnable, kAccount, id),
                  remove = Make(Action::kDelete, kAccount, id);
  for (const auto& before : connector_->VerifyBatch({{grant, enable, remove}, {}}).verdicts)
    EXPECT_EQ(before.state, connector::Verdict::State::kNotDone);
  ApplyOne(grant);
  ApplyOne(enable);
  for (const auto& after : connector_->VerifyBatch({{grant, enable}, {}}).verdicts)
    EXPECT_EQ(after.state, connector::Verdict::State::kDone);
  ApplyOne(remove);
  EXPECT_EQ(connector_->Verify({remove}).state, connector::Verdict::State::kDone);
}

TEST_F(ConnectorTest, KnowsTheDirectorysSchemaAndPasswordPolicy) {
  auto schema = connector_->Schema({});
  ASSERT_TRUE(schema.ok()) << schema.status();
  ASSERT_TRUE(schema->has_value());
  const auto find = [](const connector::ObjectClass& object_class,
                       const std::string& name) -> const connector::Attribute* {
    for (const auto& attribute : object_class.attributes) {
      if (attribute.name == name) return &attribute;
    }
    return nullptr;
  };
  const auto& account = (*schema)->classes[0];
  EXPECT_EQ(account.name, kAccount);
  EXPECT_EQ(account.password_policy->min_length, 7u);
  EXPECT_EQ(account.password_policy->min_character_kinds, 3u);
  ASSERT_NE(find(account, "givenName"), nullptr);
  EXPECT_EQ(find(account, "givenName")->max_length, 64u);
  EXPECT_TRUE(find(account, "proxyAddresses")->multi_valued);
  EXPECT_FALSE(find(account, "memberOf")->creatable);
  EXPECT_EQ(find(account, "extensionAttribute1"), nullptr);
  EXPECT_EQ(find(account, "sAMAccountName")->max_length, 20u);
  EXPECT_EQ(find(account, "unicodePwd"), nullptr);
}

TEST_F(ConnectorTest, TestFindsNothingMissingForAnAdministratorAndSaysWhatOthersLack) {
  auto result = connector_->Test({});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(result->missing_rights.empty()) << result->missing_rights[0].right;
  Operation create = Person("Weak Service", "weaksvc", "svc-1");
  create.deltas.push_back(Set("initial_password", Value(Secret("Service.Pass-1"))));
  const std::string id = ApplyOne(create).object_id;
  ASSERT_EQ(ApplyOne(Make(Action::kEnable, kAccount, id)).outcome, Outcome::kApplied);
  connector::System system = Samba::Get().System();
  system.settings = connector::Settings(system.settings.values(), {{"bind_dn", Secret("CN=Weak Service," + Place())},
                                                                   {"bind_password", Secret("Service.Pass-1")}});
  auto weak = Open(system);
  result = weak->Test({});
  ASSERT_TRUE(result.ok()) << result.status();
  std::set<std::string> rights;
  for (const auto& missing : result->missing_rights) rights.insert(missing.right);
  EXPECT_THAT(rights, testing::IsSupersetOf({"Create user objects", "Create group objects",
                                             "Create organizationalUnit objects", "Write member"}));
  system.settings = connector::Settings(system.settings.values(),
                                        {{"bind_dn", Secret("weaksvc@ad.test")}, {"bind_password", Secret("no")}});
  EXPECT_EQ(connector::Error::From(Open(system)->Test({}).status()).reason, Reason::kAuth);
}

TEST_F(ConnectorTest, WhatADirectoryGivesOnlyAPartOfIsReadInPages) {
  MakePeople("parts", 30);
  auto layout = Layout::Of(Samba::Get().System());
  ASSERT_TRUE(layout.ok());
  layout->client.most_at_once = 7;
  layout->page_size = 5;
  Directory directory(*std::move(layout));
  const auto found = directory.FindAny({"(cn=parts*)"}, {});
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->size(), 30u);
  size_t listed = 0;
  const auto status = directory.ListAtOnce(directory.layout().base, "(cn=parts*)", {"cn"}, [&](const Entry&) {
    ++listed;
    return absl::OkStatus();
  });
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(listed, 30u);
}

TEST_F(ConnectorTest, GoesOnAfterTheServerWasRestarted) {
  const std::string id = ApplyOne(Person("Restart", "restart", "r-1")).object_id;
  Samba::Get().Stop();
  auto sink = std::make_shared<Sink>();
  auto session = connector_->StartApply({}, sink);
  Operation update = Make(Action::kUpdate, kAccount, id);
  update.deltas = {Set("title", "Terug")};
  session->Submit(update);
  session->Flush();
  Samba::Get().Start();
  const Result result = sink->Wait(1).at(update.id);
  EXPECT_EQ(result.outcome, Outcome::kApplied) << Why(result);
}

TEST_F(ConnectorTest, SettingsThatCannotWorkAreRefusedWithTheirName) {
  connector::ValidateRequest request;
  request.settings = connector::Settings({{"servers", Value("ldap://dc1")}, {"base", Value("DC=x")}}, {});
  auto result = connector_->Validate(request);
  ASSERT_EQ(result.diagnostics.size(), 1u);
  EXPECT_EQ(result.diagnostics[0].path, (connector::Path{std::string("servers")}));
  request.settings = connector::Settings({{"servers", Value("ldaps://dc1")}, {"base", Value("school")}}, {});
  EXPECT_EQ(connector_->Validate(request).diagnostics[0].path, (connector::Path{std::string("base")}));
  request.settings = connector::Settings({{"servers", Value("ldaps://dc1")}, {"base", Value("DC=x")}}, {});
  EXPECT_TRUE(connector_->Validate(request).diagnostics.empty());
}

// What Read finds.
class FoundRecords final : public connector::FoundWriter {
 public:
  absl::Status Found(size_t, const connector::Record& record, connector::AnyText) override {
    records.push_back(record);
    return absl::OkStatus();
  }
  void Failed(size_t, connector::Error) override { ADD_FAILURE() << "a key failed"; }
  std::vector<connector::Record> records;
};

// A directory answers a search that asks many objects for such an attribute with an error, and gives nothing.
TEST_F(ConnectorTest, WhatADirectoryComputesForOneObjectOnlyIsNotOfferedAndHarmsNoReading) {
  const std::string id = ApplyOne(Person("Tokens", "tokens", "tokens-1")).object_id;
  const auto schema = connector_->Schema({});
  ASSERT_TRUE(schema.ok());
  connector::ReadRequest request;
  request.object_class = kAccount;
  request.keys = {connector::Key{id, {}}};
  for (const connector::Attribute& attribute : (**schema).classes[0].attributes) {
    EXPECT_NE(absl::AsciiStrToLower(attribute.name).substr(0, 11), "tokengroups");
    request.attributes.push_back(attribute.name);
  }
  EXPECT_GT(request.attributes.size(), 200u);
  request.attributes.push_back("tokenGroups");
  FoundRecords found;
  const auto status = connector_->Read(request, found);
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(found.records.size(), 1u);
}

TEST_F(ConnectorTest, APasswordSettingsObjectThatIsStricterThanTheDomainCounts) {
  const std::string name = "CN=Strict,CN=Password Settings Container,CN=System," + Samba::Get().Base();
  const auto one = [](const char* attribute, const char* value) {
    return Modification{Modification::Kind::kAdd, attribute, {value}};
  };
  const Response made = client_->RunOne(Request::Add(
      name, {one("objectClass", "msDS-PasswordSettings"),
             one("msDS-PasswordSettingsPrecedence", "10"),
             one("msDS-PasswordReversibleEncryptionEnabled", "FALSE"),
             one("msDS-PasswordHistoryLength", "0"),
             one("msDS-PasswordComplexityEnabled", "TRUE"),
             one("msDS-MinimumPasswordLength", "20"),
             one("msDS-MinimumPasswordAge", "0"),
             one("msDS-MaximumPasswordAge", "-9223372036854775808"),
             one("msDS-LockoutThreshold", "0"),
             one("msDS-LockoutObservationWindow", "-18000000000"),
             one("msDS-LockoutDuration", "-18000000000"),
             {Modification::Kind::kAdd, "msDS-PSOAppliesTo", {"CN=Domain Users,CN=Users," + Samba::Get().Base()}}}));
  ASSERT_TRUE(made.ok()) << made.code << " " << made.diagnostic;
  const auto length = [&] {
    const auto schema = connector_->Schema({});
    return schema.ok() ? (**schema).classes[0].password_policy->min_length : 0;
  };
  EXPECT_EQ(length(), 20u);
  // And the directory means it. (Samba asks less of a password that comes with the account itself.)
  const std::string id = ApplyOne(Person("Short", "short", "short-1")).object_id;
  Operation set = Make(Action::kSetCredential, kAccount, id);
  set.deltas = {Set("initial_password", Value(Secret("Fifteen.Chars-1")))};
  const Result refused = ApplyOne(set);
  ASSERT_TRUE(refused.error.has_value());
  EXPECT_EQ(refused.error->reason, Reason::kPasswordPolicy) << Why(refused);
  EXPECT_TRUE(client_->RunOne(Request::Delete(name)).ok());
  EXPECT_EQ(length(), 7u) << "read anew each time";
}

}  // namespace
}  // namespace sluice::active_directory
