/*
 * Licensed to Elasticsearch B.V. under one or more agreements.
 * This file is licensed under the Elastic License 2.0.
 */
class Search {}
