// Each service as a client sees it: what it answers, and what it says when it cannot.

#include "host/api/testing/api_test.h"

namespace sluice::api::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
constexpr auto kNotFound = grpc::StatusCode::NOT_FOUND;
constexpr auto kInvalid = grpc::StatusCode::INVALID_ARGUMENT;

class HostTest : public ApiTest {};
class ConfigurationTest : public ApiTest {};
class SystemTest : public ApiTest {};
class PersonTest : public ApiTest {
 protected:
  PersonTest() { host_.ImportAll(); }
};
class RuleTest : public ApiTest {};
class PluginTest : public ApiTest {};

TEST_F(HostTest, StatusSaysWhatRunsAndWhatWaits) {
  v1::Status status = Ok(&v1::Host::Stub::GetStatus);
  EXPECT_EQ(status.name(), "A small school");
  EXPECT_EQ(status.as_of(), "2026-11-24");
  EXPECT_EQ(status.time_zone(), "Europe/Amsterdam");
  EXPECT_EQ(status.snapshot().sequence(), 0);
  ASSERT_EQ(status.systems_size(), 2);
  EXPECT_EQ(status.systems(0).name(), "systems/ad");
  EXPECT_EQ(status.systems(0).plugin_state(), "stopped");
  EXPECT_EQ(host_.Await(host_.engine().StartImport({"user:test", ""}, {})).state, "blocked");
  EXPECT_EQ(Ok(&v1::Host::Stub::GetStatus).blocks_waiting(), 1);
  host_.ImportAll();
  status = Ok(&v1::Host::Stub::GetStatus);
  EXPECT_EQ(status.snapshot().people(), 4);
  EXPECT_EQ(status.blocks_waiting(), 0);
}

TEST_F(HostTest, EveryAnswerNamesTheSchoolsTimeZone) {
  grpc::ClientContext context;
  v1::Status reply;
  ASSERT_TRUE(Stub<v1::Host>()->GetStatus(&context, {}, &reply).ok());
  const auto found = context.GetServerInitialMetadata().find("sluice-time-zone");
  ASSERT_NE(found, context.GetServerInitialMetadata().end());
  EXPECT_EQ(std::string(found->second.data(), found->second.size()), "Europe/Amsterdam");
}

TEST_F(HostTest, ARunUnderWayIsInTheStatus) {
  host_.school().HoldImports(true);
  const v1::Run run = Ok(&v1::Runs::Stub::StartImport);
  const v1::Status status = Ok(&v1::Host::Stub::GetStatus);
  ASSERT_EQ(status.active_runs_size(), 1);
  EXPECT_EQ(status.active_runs(0).name(), run.name());
}

TEST_F(ConfigurationTest, AFolderWithErrorsIsSaidLineByLineAndChangesNothing) {
  const std::string running = Ok(&v1::Configurations::Stub::CheckConfiguration).running_hash();
  host_.WriteFile("rules/pupils.yaml",
                  "- rule: Pupils\n  when: { some_contract: { locaton.code: 1 } }\n  grants: []\n");
  const auto check = Ok(&v1::Configurations::Stub::CheckConfiguration);
  ASSERT_GT(check.errors_size(), 0);
  EXPECT_EQ(check.errors(0).file(), "rules/pupils.yaml");
  EXPECT_GT(check.errors(0).line(), 0);
  EXPECT_THAT(check.errors(0).message(), Not(IsEmpty()));
  EXPECT_EQ(check.hash(), "");
  v1::ApplyConfigurationRequest apply;
  apply.set_reason("try it");
  const auto applied = Ok(&v1::Configurations::Stub::ApplyConfiguration, apply);
  EXPECT_GT(applied.check().errors_size(), 0);
  EXPECT_EQ(applied.check().running_hash(), running);
}

TEST_F(ConfigurationTest, ADifferenceIsShownInWordsAndOperations) {
  host_.ImportAll();
  host_.WriteFile("rules/more.yaml",
                  "- rule: Everybody borrows\n  when: { some_contract: { type: placement } }\n"
                  "  grants: [\"ad/group:laptop-uitleen\"]\n");
  const auto diff = Ok(&v1::Configurations::Stub::DiffConfiguration);
  EXPECT_THAT(diff.changes(), ElementsAre(HasSubstr("Everybody borrows")));
  EXPECT_NE(diff.plan_before().hash(), diff.plan_after().hash());
  EXPECT_GT(diff.plan_after().operations().at("ad grant"), diff.plan_before().operations().at("ad grant"));
}

TEST_F(ConfigurationTest, ApplyingDemandsAReasonAndValidateOnlyAppliesNothing) {
  host_.WriteFile("rules/more.yaml",
                  "- rule: Everybody borrows\n  when: { some_contract: { type: placement } }\n"
                  "  grants: [\"ad/group:laptop-uitleen\"]\n");
  EXPECT_EQ(Code(&v1::Configurations::Stub::ApplyConfiguration), kInvalid);
  v1::ApplyConfigurationRequest request;
  request.set_reason("laptops for all");
  request.set_validate_only(true);
  const std::string running = Ok(&v1::Configurations::Stub::CheckConfiguration).running_hash();
  EXPECT_EQ(Ok(&v1::Configurations::Stub::ApplyConfiguration, request).check().running_hash(), running);
  request.set_validate_only(false);
  const auto applied = Ok(&v1::Configurations::Stub::ApplyConfiguration, request);
  EXPECT_NE(applied.check().running_hash(), running);
  EXPECT_EQ(applied.check().running_hash(), Ok(&v1::Host::Stub::GetStatus).configuration());
}

TEST_F(ConfigurationTest, TheSchemaAndTheReferencePageAreHandedOut) {
  const auto reply = Ok(&v1::Configurations::Stub::GetConfigurationSchema);
  EXPECT_EQ(reply.json_schema(), "{}");
  EXPECT_EQ(reply.reference_page(), "# Reference");
}

TEST_F(SystemTest, ASourceShowsItsScopesAndATargetItsState) {
  host_.ImportAll();
  const v1::System school = Ok(&v1::Systems::Stub::GetSystem, Named<v1::GetSystemRequest>("school"));
  EXPECT_EQ(school.kind(), "source");
  EXPECT_EQ(school.held().at("people"), 4);
  EXPECT_GT(school.scopes_size(), 0);
  const v1::System ad = Ok(&v1::Systems::Stub::GetSystem, Named<v1::GetSystemRequest>("systems/ad"));
  EXPECT_EQ(ad.kind(), "target");
  EXPECT_EQ(ad.activation(), "observing");
  EXPECT_EQ(ad.observed_as_of(), "2026-11-24");
  EXPECT_EQ(Code(&v1::Systems::Stub::GetSystem, Named<v1::GetSystemRequest>("entra")), kNotFound);
  EXPECT_THAT(message_, HasSubstr("sluice system list"));
  EXPECT_EQ(Code(&v1::Systems::Stub::GetSystem), kNotFound);
}

TEST_F(SystemTest, ATestSaysWhatIsMissing) {
  host_.directory().SetReport({{"no such base"}, {"slow"}, {{"account", "write", "ask the domain's owner", "", "cn"}}});
  const auto report = Ok(&v1::Systems::Stub::TestSystem, Named<v1::GetSystemRequest>("ad"));
  EXPECT_THAT(report.errors(), ElementsAre("no such base"));
  EXPECT_THAT(report.warnings(), ElementsAre("slow"));
  ASSERT_EQ(report.missing_rights_size(), 1);
  EXPECT_EQ(report.missing_rights(0).remedy(), "ask the domain's owner");
  EXPECT_EQ(Code(&v1::Systems::Stub::TestSystem, Named<v1::GetSystemRequest>("entra")), kNotFound);
}

TEST_F(SystemTest, ActivationIsForSomeForAConditionOrForAll) {
  host_.ImportAll();
  auto request = Named<v1::ActivateSystemRequest>("ad", "the first one");
  request.add_persons("104233");
  v1::System ad = Ok(&v1::Systems::Stub::ActivateSystem, request);
  EXPECT_EQ(ad.activation(), "partly");
  EXPECT_THAT(ad.activated_for(), ElementsAre(HasSubstr("persons/")));
  request.clear_persons();
  request.set_when("{ some_contract: { department.code: H4D } }");
  ad = Ok(&v1::Systems::Stub::ActivateSystem, request);
  EXPECT_EQ(ad.activation(), "partly");
  request.clear_when();
  EXPECT_EQ(Ok(&v1::Systems::Stub::ActivateSystem, request).activation(), "active");
  EXPECT_EQ(Ok(&v1::Systems::Stub::ObserveSystem, Named<v1::ObserveSystemRequest>("ad", "look again")).activation(),
            "observing");
}

TEST_F(SystemTest, AnActivationOfNobodyOrOfASourceOrWithoutAReasonIsRefused) {
  host_.ImportAll();
  auto request = Named<v1::ActivateSystemRequest>("ad", "a test");
  request.add_persons("999999");
  EXPECT_EQ(Code(&v1::Systems::Stub::ActivateSystem, request), kNotFound);
  request.set_persons(0, "");
  EXPECT_EQ(Code(&v1::Systems::Stub::ActivateSystem, request), kNotFound);
  request.clear_persons();
  request.set_when("{ some_contract: { department.cod");
  EXPECT_EQ(Code(&v1::Systems::Stub::ActivateSystem, request), kInvalid);
  EXPECT_EQ(Code(&v1::Systems::Stub::ActivateSystem, Named<v1::ActivateSystemRequest>("school", "a test")), kInvalid);
  EXPECT_EQ(Code(&v1::Systems::Stub::ActivateSystem, Named<v1::ActivateSystemRequest>("ad")), kInvalid);
  EXPECT_THAT(message_, HasSubstr("--reason"));
  EXPECT_EQ(Code(&v1::Systems::Stub::ObserveSystem, Named<v1::ObserveSystemRequest>("ad")), kInvalid);
  EXPECT_EQ(Ok(&v1::Systems::Stub::GetSystem, Named<v1::GetSystemRequest>("ad")).activation(), "observing");
}

TEST_F(SystemTest, TheCorrelationReportSaysWhoMatchesWhatAndALinkSettlesOne) {
  host_.ImportAll();
  const auto report = Ok(&v1::Systems::Stub::GetCorrelationReport, Named<v1::GetSystemRequest>("ad"));
  EXPECT_EQ(report.counts().at("one"), 1);
  EXPECT_EQ(report.counts().at("none"), 3);
  ASSERT_EQ(report.unmatched_accounts_size(), 1);
  EXPECT_EQ(report.unmatched_accounts(0).id(), "account-2");
  auto link = Named<v1::LinkAccountRequest>("ad", "she is the administrator");
  link.set_person("104233");
  link.set_account("account-9");
  EXPECT_EQ(Code(&v1::Systems::Stub::LinkAccount, link), kNotFound);
  link.set_account("account-2");
  Ok(&v1::Systems::Stub::LinkAccount, link);
  EXPECT_EQ(Ok(&v1::Systems::Stub::GetCorrelationReport, Named<v1::GetSystemRequest>("ad")).unmatched_accounts_size(),
            0);
  link.clear_reason();
  EXPECT_EQ(Code(&v1::Systems::Stub::LinkAccount, link), kInvalid);
  EXPECT_NE(Code(&v1::Systems::Stub::GetCorrelationReport, Named<v1::GetSystemRequest>("entra")), grpc::StatusCode::OK);
}

TEST_F(PersonTest, PersonsAreFoundByPartOfTheNameByNumberAndByState) {
  v1::ListPersonsRequest request;
  EXPECT_EQ(Ok(&v1::Persons::Stub::ListPersons, request).persons_size(), 4);
  request.set_search("zwal");
  auto found = Ok(&v1::Persons::Stub::ListPersons, request);
  ASSERT_EQ(found.persons_size(), 1);
  EXPECT_EQ(found.persons(0).external_id(), "104233");
  EXPECT_EQ(found.total_size(), 1);
  request.set_search("104235");
  ASSERT_EQ(Ok(&v1::Persons::Stub::ListPersons, request).persons_size(), 1);
  request.clear_search();
  request.set_state("excluded");
  EXPECT_EQ(Ok(&v1::Persons::Stub::ListPersons, request).persons_size(), 0);
}

TEST_F(PersonTest, APersonIsShownWithRawRecordsOnlyWhenAskedFor) {
  auto request = Named<v1::GetPersonRequest>("104233");
  v1::PersonDetail detail = Ok(&v1::Persons::Stub::GetPerson, request);
  EXPECT_EQ(detail.person().display(), "Noor van der Zwaluw");
  EXPECT_EQ(detail.fields().at("name.nick"), "Noor");
  ASSERT_EQ(detail.contracts_size(), 1);
  EXPECT_TRUE(detail.contracts(0).is_primary());
  EXPECT_EQ(detail.raw_records_size(), 0);
  request.set_name(detail.person().name());
  request.set_with_raw_records(true);
  detail = Ok(&v1::Persons::Stub::GetPerson, request);
  ASSERT_EQ(detail.raw_records_size(), 2);
  EXPECT_EQ(detail.raw_records(0).attributes().fields().at("roepnaam").string_value(), "Noor");
}

TEST_F(PersonTest, NobodyAndAnAmbiguousBeginningAreRefused) {
  EXPECT_EQ(Code(&v1::Persons::Stub::GetPerson, Named<v1::GetPersonRequest>("999999")), kNotFound);
  EXPECT_THAT(message_, HasSubstr("sluice person list"));
  EXPECT_EQ(Code(&v1::Persons::Stub::GetPerson), kNotFound);
  host_.school().Remove("leerling-104236");
  host_.AddPupil("104233", "Noor", "de Dubbelganger");  // A second record of one number.
  host_.school().Add("leerling", "another", {{"nummer", core::Value::Text("104233")}});
  host_.ImportAll();
  EXPECT_EQ(Code(&v1::Persons::Stub::GetPerson, Named<v1::GetPersonRequest>("104233")), kInvalid);
  EXPECT_THAT(message_, HasSubstr("name one by its id"));
}

TEST_F(PersonTest, ExclusionAndInclusionAreDecisionsWithAReason) {
  EXPECT_EQ(Code(&v1::Persons::Stub::ExcludePerson, Named<v1::ExcludePersonRequest>("104233")), kInvalid);
  EXPECT_EQ(Code(&v1::Persons::Stub::IncludePerson, Named<v1::ExcludePersonRequest>("104233")), kInvalid);
  auto request = Named<v1::ExcludePersonRequest>("104233", "on leave");
  request.set_until("tomorrow");
  EXPECT_EQ(Code(&v1::Persons::Stub::ExcludePerson, request), kInvalid);
  EXPECT_THAT(message_, HasSubstr("2026-11-24"));
  request.set_until("2026-12-31");
  EXPECT_EQ(Ok(&v1::Persons::Stub::ExcludePerson, request).state(), "excluded");
  EXPECT_THAT(Ok(&v1::Persons::Stub::GetPerson, Named<v1::GetPersonRequest>("104233")).exclusion(),
              HasSubstr("2026-12-31: on leave"));
  const absl::Time now = host_.clock().Now();
  host_.clock().Set(now + absl::Hours(24 * 40));  // It is over.
  EXPECT_EQ(Ok(&v1::Persons::Stub::GetPerson, Named<v1::GetPersonRequest>("104233")).exclusion(), "");
  EXPECT_EQ(Ok(&v1::Persons::Stub::GetPerson, Named<v1::GetPersonRequest>("104233")).person().state(), "present");
  host_.clock().Set(now);
  EXPECT_EQ(Ok(&v1::Persons::Stub::IncludePerson, Named<v1::ExcludePersonRequest>("104233", "back")).state(),
            "present");
  EXPECT_EQ(Code(&v1::Persons::Stub::IncludePerson, Named<v1::ExcludePersonRequest>("999999", "back")), kNotFound);
}

TEST_F(PersonTest, WhyNamesRuleClausesAndRecords) {
  auto request = Named<v1::ExplainEntitlementRequest>("104233");
  request.set_entitlement("ad/group:laptop-uitleen");
  host_.Activate();
  v1::Explanation why = Ok(&v1::Persons::Stub::ExplainEntitlement, request);
  EXPECT_EQ(why.answer(), "granted");
  ASSERT_EQ(why.supports_size(), 1);
  EXPECT_EQ(why.supports(0).rule(), "Upper years borrow laptops");
  EXPECT_THAT(why.supports(0).position(), HasSubstr("rules/pupils.yaml:7"));
  EXPECT_GT(why.supports(0).clauses_size(), 0);
  EXPECT_GT(why.supports(0).records_size(), 0);
  request.set_name("104234");
  why = Ok(&v1::Persons::Stub::ExplainEntitlement, request);
  EXPECT_EQ(why.answer(), "not_granted");
  ASSERT_GT(why.missed_size(), 0);
  request.set_entitlement("nowhere/account");
  EXPECT_NE(Code(&v1::Persons::Stub::ExplainEntitlement, request), grpc::StatusCode::OK);
}

TEST_F(PersonTest, ATemplateOrAWholeAccountIsTriedForOnePerson) {
  v1::TryMappingRequest request;
  request.set_person("104235");
  request.set_template_("{person.name.nick | ascii | lower}");
  EXPECT_EQ(Ok(&v1::Persons::Stub::TryMapping, request).fields(0).value(), "zoe");
  request.set_template_("{person.name.nick | shout}");
  EXPECT_EQ(Code(&v1::Persons::Stub::TryMapping, request), kInvalid);
  request.clear_template_();
  request.set_system("ad");
  const auto account = Ok(&v1::Persons::Stub::TryMapping, request);
  bool has_name = false;
  for (const v1::MappedField& field : account.fields()) has_name |= field.field() == "sAMAccountName";
  EXPECT_TRUE(has_name);
  request.clear_system();
  EXPECT_GT(Ok(&v1::Persons::Stub::TryMapping, request).fields_size(), 3);
  request.set_system("school");
  EXPECT_EQ(Code(&v1::Persons::Stub::TryMapping, request), kNotFound);
}

TEST_F(RuleTest, RulesSayWhomTheyGiveSomethingAndStandAsInTheirFile) {
  host_.ImportAll();
  const auto rules = Ok(&v1::Rules::Stub::ListRules);
  ASSERT_EQ(rules.rules_size(), 3);
  EXPECT_EQ(rules.rules(0).people(), 4);
  const v1::Rule rule = Ok(&v1::Rules::Stub::GetRule, Named<v1::GetRuleRequest>("rules/pupils.yaml:7"));
  EXPECT_EQ(rule.name(), "Upper years borrow laptops");
  EXPECT_EQ(rule.people(), 1);
  EXPECT_THAT(rule.text(), HasSubstr("- rule: Upper years borrow laptops\n  when:"));
  EXPECT_EQ(Ok(&v1::Rules::Stub::GetRule, Named<v1::GetRuleRequest>("Pupils can sign in")).position(),
            "rules/pupils.yaml:4");
  EXPECT_EQ(Code(&v1::Rules::Stub::GetRule, Named<v1::GetRuleRequest>("No rule")), kNotFound);
}

TEST_F(PluginTest, PluginsAreListedShownAndStarted) {
  const auto list = Ok(&v1::Plugins::Stub::ListPlugins);
  ASSERT_EQ(list.plugins_size(), 2);
  EXPECT_EQ(list.plugins(0).log_size(), 0);
  EXPECT_EQ(list.packages_size(), 2);
  const v1::Plugin one = Ok(&v1::Plugins::Stub::GetPlugin, Named<v1::GetPluginRequest>("plugins/ad"));
  EXPECT_EQ(one.state(), "stopped");
  EXPECT_THAT(one.log(), ElementsAre("a line of its log"));
  EXPECT_EQ(Ok(&v1::Plugins::Stub::StartPlugin, Named<v1::GetPluginRequest>("ad")).state(), "ready");
  EXPECT_EQ(Code(&v1::Plugins::Stub::GetPlugin, Named<v1::GetPluginRequest>("entra")), kNotFound);
  EXPECT_EQ(Code(&v1::Plugins::Stub::StartPlugin, Named<v1::GetPluginRequest>("entra")), kNotFound);
}

TEST_F(PersonTest, DamageOfTheAuditLogIsInTheStatusUntilSomebodyAcceptsItWithAReason) {
  v1::AuditState state = Ok(&v1::Audit::Stub::CheckAudit);
  EXPECT_TRUE(state.checked());
  EXPECT_EQ(state.damage_size(), 0);
  host_.EditStore("DROP TRIGGER audit_is_never_changed; UPDATE audit SET json = '{}' WHERE sequence = 2");
  EXPECT_EQ(Ok(&v1::Audit::Stub::CheckAudit).damage_size(), 1);
  const v1::Status status = Ok(&v1::Host::Stub::GetStatus);
  ASSERT_EQ(status.audit().damage_size(), 1);
  EXPECT_EQ(status.audit().damage(0).what(), "row 2 was changed: its contents do not give its hash");
  EXPECT_EQ(status.audit().damage(0).accepted_in(), 0);
  EXPECT_EQ(status.audit().sealed_row(), 0);

  v1::AcceptAuditDamageRequest request;
  EXPECT_EQ(Code(&v1::Audit::Stub::AcceptAuditDamage, request), kInvalid);
  request.set_first(2);
  request.set_last(2);
  EXPECT_EQ(Code(&v1::Audit::Stub::AcceptAuditDamage, request), kInvalid);
  EXPECT_THAT(message_, HasSubstr("--reason"));
  request.set_reason("disk failure of 23 November");
  request.set_last(1);
  EXPECT_EQ(Code(&v1::Audit::Stub::AcceptAuditDamage, request), kInvalid);
  request.set_first(3);
  request.set_last(9);
  EXPECT_EQ(Code(&v1::Audit::Stub::AcceptAuditDamage, request), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(message_, HasSubstr("accept whole: rows 2"));
  request.set_first(1);
  state = Ok(&v1::Audit::Stub::AcceptAuditDamage, request);
  ASSERT_EQ(state.damage_size(), 1);
  EXPECT_THAT(state.damage(0).accepted_by(), HasSubstr("user:"));
  EXPECT_EQ(state.damage(0).reason(), "disk failure of 23 November");
  EXPECT_EQ(state.sealed_row(), state.last_row());
  EXPECT_EQ(state.damage(0).accepted_in(), state.last_row());
}

}  // namespace
}  // namespace sluice::api::testing
