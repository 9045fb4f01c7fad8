create database test;
create user visitor;
grant all on test.* to visitor;
