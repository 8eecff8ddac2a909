// What a dashboard is by @grafana/schema, stricter where that leaves a door open: a panel's
// options and its fields' custom settings are those of its own kind, and its queries are
// Prometheus'. dashboards.ts, which is generated, has each dashboard as a literal of this
// type: a property that the types do not know, a wrong value or a missing one does not compile.
import type * as schema from '@grafana/schema';
import type * as bargauge from '@grafana/schema/dist/esm/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen';
import type * as stat from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type * as statetimeline from '@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen';
import type * as table from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type * as timeseries from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

// JSON has the values of enums, not their names.
type Plain<T> = T extends string ? `${T}`
  : T extends number | boolean | null | undefined ? T
  : T extends readonly (infer E)[] ? Plain<E>[]
  : T extends object ? { [K in keyof T]: Plain<T[K]> }
  : T;

// @grafana/schema has no type for the queries of Prometheus.
interface Query extends Omit<schema.DataQuery, 'datasource'> {
  datasource: { type: 'prometheus'; uid: '$datasource' };
  editorMode: 'code';
  expr: string;
  format: 'time_series' | 'table';
  instant: boolean;
  range: boolean;
  legendFormat: string;
}

interface Fields<Custom> extends Omit<schema.FieldConfigSource, 'defaults'> {
  defaults: Omit<schema.FieldConfig, 'custom'> & { unit: string } & Custom;
}

interface PanelOf<Kind extends string, Options, Custom = object>
  extends Omit<schema.Panel, 'type' | 'options' | 'fieldConfig' | 'targets'> {
  type: Kind;
  id: number;
  title: string;
  description: string;
  options: Options;
  fieldConfig: Fields<Custom>;
  targets: Query[];
}

type Panel =
  | PanelOf<'stat', stat.Options>
  | PanelOf<'bargauge', bargauge.Options>
  | PanelOf<'state-timeline', statetimeline.Options, { custom: statetimeline.FieldConfig }>
  | PanelOf<'table', table.Options, { custom: table.FieldConfig }>
  | PanelOf<'timeseries', timeseries.Options, { custom: timeseries.FieldConfig }>;

export type Dashboard = Plain<Omit<schema.Dashboard, 'panels'> & { panels: (Panel | schema.RowPanel)[] }>;
