"""The script that a school writes itself: for each person search, add, enable, then group by group. It is the peer of a benchmark and kept
as such scripts are: one connection, one thing after the other with what ldap3 offers for Active Directory, no plan and no log.

    homemade_sync.py URI CA BIND_DN PASSWORD_FILE PEOPLE.json [FROM TO]

Without FROM and TO it makes the places and groups and then everybody; with them only these people, as a script that is started for one person.
"""

import json
import ssl
import sys

import ldap3

uri, ca, bind, password_file, people_file = sys.argv[1:6]
some = list(map(int, sys.argv[6:8]))
tls = ldap3.Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=ca)
server = ldap3.Server(uri, use_ssl=True, tls=tls, get_info=ldap3.NONE)
password = open(password_file).read()
connection = ldap3.Connection(server, bind, password, auto_bind=True, raise_exceptions=True)
with open(people_file) as file:
    work = json.load(file)

if not some or some == [0, 0]:
    for place in work["places"]:
        connection.add(place, ["organizationalUnit"])
    for group in work["groups"]:
        connection.add(group["dn"], ["group"], {"sAMAccountName": group["name"]})

for person in work["people"][slice(*some)] if some else work["people"]:
    connection.search(work["base"], f"(&(objectClass=user)(employeeID={person['attributes']['employeeID']}))", attributes=["userAccountControl"])
    if not connection.response or not any(entry["type"] == "searchResEntry" for entry in connection.response):
        connection.add(person["dn"], ["user"], {**person["attributes"], "userAccountControl": "514"})
    connection.modify(person["dn"], {"userAccountControl": [(ldap3.MODIFY_REPLACE, ["512"])]})
    for group in person["groups"]:
        connection.extend.microsoft.add_members_to_groups(person["dn"], group)
